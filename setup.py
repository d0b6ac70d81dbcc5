"""The ament_python package `rafr`; also installable with pip on a machine without ROS.

Name, packages, entry points and data files live here and not in pyproject.toml, because colcon's
`--symlink-install` makes no executables from metadata in pyproject alone.
"""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "rafr"


def data_files() -> list[tuple[str, list[str]]]:
    """Everything below the resource folders, installed to share/rafr with its sub-folders."""
    files = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ]
    for folder in ("launch", "urdf", "config", "sim"):
        for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
            if "__pycache__" not in path.parts:
                files.append((f"share/{NAME}/{path.parent}", [str(path)]))
    return files


NODES = (
    "tracker",
    "registration",
    "reduction_planner",
    "adjustment",
    "trajectory",
    "arm_controller",
    "base_controller",
    "safety",
    "procedure",
    "drill",
    "risk",
    "view",
    "review",
    "recorder",
    "or_simulator",
    "gazebo_bridge",
    "gazebo_devices",
    "arm_endpoint",
    "bench",
    "wrist",
)

setup(
    name=NAME,
    version="0.1.0",
    description="Open-source control stack for robot-assisted fracture reduction",
    license="Apache-2.0",
    python_requires=">=3.11",
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={NAME: ["py.typed", "review/templates/*.j2", "campaign/templates/*.j2"]},
    data_files=data_files(),
    zip_safe=False,
    extras_require={
        "ndi": ["scikit-surgerynditracker==1.0.6"],
        "pardiso": ["pypardiso==0.4.7"],
        "bench": ["itk-elastix==0.25.4", "ompl==2.0.1"],
        "dask": ["distributed==2026.8.0"],
    },
    entry_points={
        "console_scripts": [
            "rafr = rafr.cli.main:main",
            *(f"{node} = rafr.nodes.{node}:main" for node in NODES),
        ]
    },
)
