"""The embedded Postgres, where no other server is named."""
