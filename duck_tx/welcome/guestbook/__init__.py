"""A guest book: the smallest app in which a form, a session, the ORM and the admin all take part."""
