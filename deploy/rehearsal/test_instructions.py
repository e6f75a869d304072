import re
from pathlib import Path

from deploy.rehearsal import instructions, readme, starting_points, versions

PROJECT = Path(__file__).resolve().parents[2]


def test_only_the_commands_for_a_machine_without_containers_are_run():
    script = instructions.commands(PROJECT / "docs/deployment.md")
    assert "deploy/install privet.localhost\n" in script
    assert "docker" not in script
    assert instructions.DOCUMENTED_DOMAIN not in script


def test_the_block_with_a_command_is_found():
    script = instructions.block(PROJECT / "docs/deployment.md", "privet create_roles")
    assert script.index("create_roles") < script.index("privet migrate")
    assert "createdb" not in script


def test_the_tables_of_the_starting_points_exist():
    for tables, _ in starting_points.STARTING_POINTS.values():
        assert all((PROJECT / f"neighbour/sql/{name}.sql").exists() for name in tables)


def test_the_documented_versions_exist_in_the_rehearsal():
    script = instructions.commands(PROJECT / "docs/operations.md")
    assert re.findall(r"bin/deploy (\S+)", script) == [versions.NEXT, versions.FIRST]


def test_the_commands_of_the_readme_are_rehearsed():
    block = re.search(r"^```\n(bin/dev .*?)^```$", (PROJECT / "README.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    assert re.findall(r"^(\S+)", block, re.MULTILINE) == list(readme.COMMANDS)
