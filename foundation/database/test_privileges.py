import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from foundation.database.privileges import create_roles
from foundation.database.roles import RoleNames
from neighbour.installations import Kind, installation
from neighbour.servers import configured_server

WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'pg_authid'::regclass"


def test_two_databases_of_a_server_can_be_set_up_at_once():
    server = configured_server()
    with installation(server, Kind.NOTHING) as one, installation(server, Kind.NOTHING) as other:
        prefix = one.app_role.removesuffix("app")
        names = RoleNames(f"{prefix}owner", f"{prefix}web", f"{prefix}maintenance")

        def set_up_other():
            with psycopg.connect(other.superuser_url) as connection:
                create_roles(connection, names, {}, print)

        with ThreadPoolExecutor(1) as pool:
            with psycopg.connect(one.superuser_url) as connection:
                create_roles(connection, names, {}, print)
                second = pool.submit(set_up_other)
                deadline = time.monotonic() + 20
                while not other.execute(WAITING):
                    assert time.monotonic() < deadline, "the second one never waited"
                    time.sleep(0.01)
            second.result(timeout=20)
