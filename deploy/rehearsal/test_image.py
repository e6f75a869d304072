import json
from fnmatch import fnmatch
from pathlib import Path

from deploy.rehearsal.image import TAG, Buildah, Image, base_name

PROJECT = Path(__file__).resolve().parents[2]


def test_the_base_image_is_that_of_the_dockerfile(tmp_path):
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("# FROM a comment\nFROM python:3.13-slim AS base\nRUN true\nFROM base\n")
    assert base_name(dockerfile) == "docker.io/library/python:3.13-slim"


def test_commands_and_layer_sizes_come_from_the_inspected_image():
    config = {"Cmd": ["gunicorn"], "Healthcheck": {"Test": ["CMD", "python", "healthy.py"]}}
    manifest = json.dumps({"layers": [{"size": 100}, {"size": 20}]})
    inspected = json.dumps({"Docker": {"config": config}, "Manifest": manifest})
    assert Image.parse(inspected) == Image([100, 20], ["gunicorn"], ["python", "healthy.py"])


def test_a_container_gets_its_settings_and_arguments_unchanged(tmp_path):
    command = Buildah(tmp_path).run_command("container", "sh", "-c", "echo $A", env={"A": "b c"})
    assert command[-6:] == ["--env=A=b c", "container", "--", "sh", "-c", "echo $A"]


def test_buildah_keeps_everything_in_its_folder(tmp_path):
    command = Buildah(tmp_path).command("inspect", TAG)
    assert {str(tmp_path / "containers"), str(tmp_path / "run"), f"TMPDIR={tmp_path}/tmp"} <= set(command)


def test_docker_ignores_what_git_ignores():
    by_git = [line.strip("/") for line in (PROJECT / ".gitignore").read_text().split()]
    by_docker = [line.removeprefix("**/") for line in (PROJECT / ".dockerignore").read_text().split()]
    assert [name for name in by_git if not any(fnmatch(name, pattern) for pattern in by_docker)] == []
