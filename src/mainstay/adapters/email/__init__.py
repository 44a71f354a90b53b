"""E-mail: mailboxes as sources, replies and labels as operations."""
