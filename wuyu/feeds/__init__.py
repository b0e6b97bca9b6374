"""The one door in: files taken over as they arrived, kept, checked, and chosen as they were known at the time."""
