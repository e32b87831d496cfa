"""``python -m tests.kit.edge_demo``."""

from shared.serving.program import main

if __name__ == "__main__":
    main("demo", "shared.edge.settings:EdgeSettings", "tests.kit.demo.app:create_app")
