"""The writers: one content model as Word, HTML and PDF, with an office's own templates."""
