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
  - Nobody but the owner of a database and the roles in C(connect) may connect to it.
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
                "type": "list", "elements": "dict", "required": True, "options": {"name": text, "owner": text},
            },
            "connect": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )  # fmt: skip
    for role in module.params["roles"]:
        if not role["password"].isascii() or not role["password"].isprintable():
            module.fail_json(msg=f"the password of role {role['name']} must be of printable ASCII characters")
    try:
        state = json.loads(psql(module, STATE))
        changes = list(role_changes(module.params["roles"], state["roles"]))
        changes += database_changes(module.params, state["databases"])
        if changes and not module.check_mode:
            psql(module, "".join(statement + ";\n" for _, statement in changes))
    except Failed as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), differences=[sentence for sentence, _ in changes])


def psql(module, statements):
    """Run statements as PostgreSQL's own user. Raises Failed with the server's first message."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
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
        for role in params["connect"]:
            if found is None or role not in found["connect"]:
                yield f"let {role} connect to {name}", f"GRANT CONNECT ON DATABASE {quoted(name)} TO {quoted(role)}"


def quoted(name):
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


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
