#!/usr/bin/python
"""Ansible module: the roles, databases and privileges of one PostgreSQL server, in one round trip."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: postgresql_access
short_description: Keep roles, memberships, databases and who may connect to them
description:
  - Reads everything with one query and changes only what differs. What is not named stays.
  - Passwords reach the server as SCRAM-SHA-256 verifiers on standard input, so they are in no argument and no log.
  - Nobody but the owner of a database, its application and the roles in C(connect) may connect to it.
  - The application of a database reads and changes rows; tables, and what makes them, belong to the owner.
  - An application that was the owner so far keeps the owner's rights, as a member, until C(reduce) takes them away.
options:
  port:
    description: Port, which also names the socket.
    type: int
    required: true
  socket_directory:
    description: Directory of the socket.
    type: path
    required: true
  roles:
    description: Roles that log in.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      password:
        description: Password.
        type: str
        required: true
      replication:
        description: Whether it may copy the server's data.
        type: bool
        default: false
      member_of:
        description: Roles whose privileges it has.
        type: list
        elements: str
        default: []
  databases:
    description: Databases.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      owner:
        description: Role that owns it.
        type: str
        required: true
      application:
        description: Role that works with the rows and owns nothing; what it owned before goes to the owner.
        type: str
  reduce:
    description: Whether applications lose the owner's rights, since no program relies on them any more.
    type: bool
    default: false
  connect:
    description: Roles that may connect to each of the databases beside its owner.
    type: list
    elements: str
    default: []
author: [claude-memory]
"""
RETURN = r"""
differences:
  description: What was, or in check mode would be, changed; without passwords.
  type: list
  returned: always
keeping:
  description: Applications that still have, or in check mode would still have, the rights of their owners.
  type: list
  returned: always
"""
ITERATIONS = 4096
STATE = """
SELECT json_build_object(
  'roles', (SELECT json_object_agg(rolname, json_build_object(
      'flags', concat_ws(' ',
          CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
          CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
          CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
          CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
          CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END),
      'password', rolpassword,
      'member_of', (SELECT coalesce(json_agg(granted.rolname), '[]') FROM pg_auth_members
                    JOIN pg_roles granted ON granted.oid = roleid WHERE member = pg_authid.oid))) FROM pg_authid),
  'databases', (SELECT json_object_agg(datname, json_build_object(
      'owner', pg_get_userbyid(datdba),
      'public', EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0),
      'connect', (SELECT coalesce(json_agg(pg_get_userbyid(grantee)), '[]')
                  FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))
                  WHERE grantee <> 0 AND privilege_type = 'CONNECT'))) FROM pg_database));
"""
# What one database holds that is not as it should be: {owner} and {application} are quoted as text.
INSIDE = """
SELECT json_build_object(
  'owned', (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relowner = {application}::regrole),
  'closed', (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND (
      relkind IN ('r', 'p', 'v') AND NOT (
          has_table_privilege({application}, oid, 'SELECT') AND has_table_privilege({application}, oid, 'INSERT')
          AND has_table_privilege({application}, oid, 'UPDATE') AND has_table_privilege({application}, oid, 'DELETE'))
      OR relkind = 'S' AND NOT has_sequence_privilege({application}, oid, 'USAGE'))),
  'defaults', (SELECT count(*) FROM pg_default_acl, aclexplode(defaclacl)
               WHERE defaclrole = {owner}::regrole AND grantee = {application}::regrole));
"""
ROWS = "SELECT, INSERT, UPDATE, DELETE"
GRANTED_BY_DEFAULT = 6  # four privileges on tables, two on sequences


class Failed(Exception):
    """psql said no."""


def main():
    """Compare, then change."""
    text = {"type": "str", "required": True}
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "required": True},
            "socket_directory": {"type": "path", "required": True},
            "roles": {
                "type": "list", "elements": "dict", "required": True,
                "options": {
                    "name": text, "password": {**text, "no_log": True},
                    "replication": {"type": "bool", "default": False},
                    "member_of": {"type": "list", "elements": "str", "default": []},
                },
            },
            "databases": {
                "type": "list", "elements": "dict", "required": True,
                "options": {"name": text, "owner": text, "application": {"type": "str"}},
            },
            "connect": {"type": "list", "elements": "str", "default": []},
            "reduce": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )  # fmt: skip
    for role in module.params["roles"]:
        if not role["password"].isascii() or not role["password"].isprintable():
            module.fail_json(msg=f"the password of role {role['name']} must be of printable ASCII characters")
    try:
        state = json.loads(psql(module, STATE))
        changes = list(role_changes(module.params["roles"], state["roles"]))
        keeping = [database for database in module.params["databases"] if keeps_rights(database, state)]
        changes += membership_changes(keeping, state["roles"], module.params["reduce"])
        changes += database_changes(module.params, state["databases"])
        if changes and not module.check_mode:
            psql(module, script(changes))
        for database in module.params["databases"]:
            changes += inside(module, database, state)
    except Failed as error:
        module.fail_json(msg=str(error))
    kept = [] if module.params["reduce"] else [database["application"] for database in keeping]
    module.exit_json(changed=bool(changes), differences=[sentence for sentence, _ in changes], keeping=kept)


def script(changes):
    """The statements of some changes, to be run together."""
    return "".join(statement + ";\n" for _, statement in changes)


def inside(module, database, state):
    """Bring what a database holds to its owner and the application's privileges; the changes."""
    is_known = database["name"] in state["databases"] and {database["owner"], database["application"]} <= set(
        state["roles"]
    )
    if not database["application"] or (module.check_mode and not is_known):
        return []
    names = {key: literal(database[key]) for key in ("owner", "application")}
    found = json.loads(psql(module, INSIDE.format(**names), database["name"]))
    changes = list(inside_changes(database, found))
    if changes and not module.check_mode:
        psql(module, script(changes), database["name"])
    return changes


def inside_changes(database, found):
    """Sentence and statement for every difference inside a database."""
    name, owner, application = (database[key] for key in ("name", "owner", "application"))
    if found["owned"]:
        statement = f"REASSIGN OWNED BY {quoted(application)} TO {quoted(owner)}"
        yield f"give what {application} owns in {name} to {owner}", statement
    if found["owned"] or found["closed"]:
        for kind, rights in (("TABLES", ROWS), ("SEQUENCES", "USAGE, SELECT")):
            yield (
                f"open the {kind.lower()} of {name} to {application}",
                f"GRANT {rights} ON ALL {kind} IN SCHEMA public TO {quoted(application)}",
            )
    if found["defaults"] != GRANTED_BY_DEFAULT:
        for kind, rights in (("TABLES", ROWS), ("SEQUENCES", "USAGE, SELECT")):
            yield (
                f"open future {kind.lower()} of {name} to {application}",
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(owner)} IN SCHEMA public"
                f" GRANT {rights} ON {kind} TO {quoted(application)}",
            )


def psql(module, statements, database="postgres"):
    """Run statements as PostgreSQL's own user. Raises Failed with the server's first message."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database]
    command += ["-h", module.params["socket_directory"], "-p", str(module.params["port"])]
    done = subprocess.run(command, input=statements, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        # The message may quote the statement; what looks like a verifier is left out.
        raise Failed(re.sub(r"SCRAM-SHA-256\$\S+", "SCRAM-SHA-256$…", done.stderr.strip()))
    return done.stdout


def role_changes(wanted, present):
    """Sentence and statement for every difference between roles."""
    for role in wanted:
        name, found = role["name"], present.get(role["name"])
        flags = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE " + (
            "REPLICATION" if role["replication"] else "NOREPLICATION"
        )
        if found is None:
            yield f"make role {name}", f"CREATE ROLE {quoted(name)} {flags} PASSWORD '{verifier(role['password'])}'"
        else:
            if found["flags"] != flags:
                yield f"set the attributes of role {name}", f"ALTER ROLE {quoted(name)} {flags}"
            if not matches(role["password"], found["password"]):
                yield (
                    f"set the password of role {name}",
                    (f"ALTER ROLE {quoted(name)} PASSWORD '{verifier(role['password'])}'"),
                )
        for group in role["member_of"]:
            if found is None or group not in found["member_of"]:
                yield f"make {name} a member of {group}", f"GRANT {quoted(group)} TO {quoted(name)}"


def database_changes(params, present):
    """Sentence and statement for every difference between databases."""
    for database in params["databases"]:
        name, owner, found = database["name"], database["owner"], present.get(database["name"])
        if found is None:
            options = f"OWNER {quoted(owner)} ENCODING 'UTF8' TEMPLATE template0"
            yield f"make database {name}", f"CREATE DATABASE {quoted(name)} {options}"
        elif found["owner"] != owner:
            yield f"give database {name} to {owner}", f"ALTER DATABASE {quoted(name)} OWNER TO {quoted(owner)}"
        if found is None or found["public"]:
            yield f"close database {name} to everyone", f"REVOKE ALL ON DATABASE {quoted(name)} FROM PUBLIC"
        for role in [*params["connect"], *filter(None, [database["application"]])]:
            if found is None or role not in found["connect"]:
                yield f"let {role} connect to {name}", f"GRANT CONNECT ON DATABASE {quoted(name)} TO {quoted(role)}"


def keeps_rights(database, state):
    """Whether the application has the owner's rights: as the owner so far, or as its member since."""
    application, found = database["application"], state["databases"].get(database["name"])
    if not application or found is None or application not in state["roles"]:
        return False
    return found["owner"] == application or database["owner"] in state["roles"][application]["member_of"]


def membership_changes(keeping, present, is_reduced):
    """Sentence and statement for every application that keeps its owner's rights, or loses them."""
    for database in keeping:
        owner, application = database["owner"], database["application"]
        is_member = owner in present[application]["member_of"]
        if is_reduced and is_member:
            yield f"take the rights of {owner} from {application}", f"REVOKE {quoted(owner)} FROM {quoted(application)}"
        elif not is_reduced and not is_member:
            yield f"leave {application} the rights of {owner}", f"GRANT {quoted(owner)} TO {quoted(application)}"


def quoted(name):
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    """A text constant."""
    return "'" + text.replace("'", "''") + "'"


def verifier(password, salt=None, iterations=ITERATIONS):
    """What PostgreSQL stores of a password (RFC 5803); passwords are ASCII, so SASLprep leaves them as they are."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt, stored, server = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"


def matches(password, present):
    """Whether a stored verifier belongs to the password."""
    found = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$.+", present or "")
    if not found:
        return False
    again = verifier(password, base64.b64decode(found[2]), int(found[1]))
    return hmac.compare_digest(again, present)


if __name__ == "__main__":
    main()
