"""What leaves: messages and their purpose, letters, addresses, signatures, and the guard. No ledger, no desk."""
