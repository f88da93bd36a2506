from pathlib import Path

from setuptools import find_packages, setup

NAME = "balanced_bc"
NODES = ("simulator", "demonstrator", "recorder", "balancer", "trainer", "policy", "conductor")
ROS = (
    "diagnostic-msgs",
    "geometry-msgs",
    "lifecycle-msgs",
    "rclpy",
    "rmw-fastrtps-cpp",
    "rosgraph-msgs",
    "sensor-msgs",
    "std-msgs",
    "std-srvs",
)


def files(folder: str, pattern: str) -> list[str]:
    return [str(path) for path in sorted(Path(folder).glob(pattern))]


setup(
    name=NAME,
    version="0.1.0",
    description="Balanced behavior cloning for robot arms: record, balance, train, deploy.",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The balanced_bc authors",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", files("launch", "*.launch.py")),
        (f"share/{NAME}/config/balance", files("config/balance", "*.yaml")),
        (f"share/{NAME}/config/robots", files("config/robots", "*.yaml")),
    ],
    install_requires=[
        "gymnasium",
        "matplotlib",
        "mcap",
        "numpy",
        "opencv-python-headless",
        "pillow",
        "pyarrow",
        "pybullet",
        "pyyaml",
        "rich",
        "rosbags",
        "safetensors",
        "torch",
        "tyro",
        "zstandard",
    ],
    extras_require={
        "ros": [f"ros-kilted-{name}" for name in ROS],
        "tensorboard": ["tensorboard"],
        "timm": ["timm", "torchvision"],
        "test": ["hypothesis", "mcap-ros2-support", "pytest", "pytest-timeout", "setuptools"],
        "check": ["mypy", "pre-commit", "ruff", "types-PyYAML"],
    },
    entry_points={
        "console_scripts": [
            f"{NAME.replace('_', '-')} = {NAME}.cli:main",
            *(f"{node} = {NAME}.nodes.{node}:main" for node in NODES),
        ],
    },
)
