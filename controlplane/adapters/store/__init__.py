"""PostgreSQL store of the control plane: schema, migrations, named queries."""
