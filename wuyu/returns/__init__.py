"""What comes back by mail: bounces and answers, out of mailboxes on disk or on a server."""
