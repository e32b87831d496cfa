#!/usr/bin/env bash
# Run by the PostgreSQL image on an empty data volume: for each service a role and a database of its own, which no
# other service's role can open.
set -euo pipefail

database() { # database NAME; its role's password is in the variable named NAME_DB_PASSWORD, in capitals
    local variable="${1^^}_DB_PASSWORD"
    DB_NAME=$1 DB_PASSWORD=${!variable:?} psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 \
        --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv name DB_NAME
\getenv password DB_PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

for name in users orders products; do
    database "$name"
done
