"""Users, groups and roles: who there is, who is in what, and what is known of them."""
