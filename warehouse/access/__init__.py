"""Who may do what: the roles, their logins and rights, the owner."""
