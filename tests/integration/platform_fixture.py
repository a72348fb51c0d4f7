"""A whole platform of its own for a test: sandbox pages, a warehouse, an archive, an instance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from dagster import Definitions

from insights_jobs.build import build_definitions
from insights_jobs.embedded_instance import write_embedded_instance
from insights_jobs.runs import FinishedRun, run_job
from insights_resources.sandbox import SandboxMarket
from insights_resources.settings import PROJECT_ROOT
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import (
    PageArchiveResource,
    PageProviderResource,
    ProjectFiles,
    SandboxPages,
    WarehouseResource,
)

FIRST_DAY = date(2025, 1, 1)


@dataclass
class Platform:
    """The definitions over resources in a temporary folder, and the market behind the pages."""

    definitions: Definitions
    warehouse: Warehouse
    market: SandboxMarket
    folder: Path

    def run(
        self, job: str, first_day: date, last_day: date | None = None, **options: object
    ) -> FinishedRun:
        """Runs a job over a range of days, in this process."""
        return run_job(
            self.definitions,
            job,
            first_day=first_day,
            last_day=last_day or first_day,
            **options,  # type: ignore[arg-type]
        )


def make_platform(
    folder: Path,
    warehouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    products: int = 12,
    seed: int = 7,
    catalog: Path | None = None,
    pages: PageProviderResource | None = None,
) -> Platform:
    """A platform with an empty history; ``pages`` in place of the sandbox's."""
    home = folder / "dagster"
    write_embedded_instance(home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    definitions = build_definitions(
        resource_overrides={
            "warehouse": WarehouseResource(url=warehouse_url),
            "page_archive": PageArchiveResource(url=str(folder / "pages")),
            "pages": pages
            or SandboxPages(seed=seed, products=products, first_day=FIRST_DAY.isoformat()),
            "files": ProjectFiles(
                catalog_file=str(catalog or PROJECT_ROOT / "catalog.yaml"),
                reports_folder=str(folder / "reports"),
                first_day=FIRST_DAY.isoformat(),
            ),
        }
    )
    return Platform(
        definitions,
        WarehouseResource(url=warehouse_url).open(),
        SandboxMarket(seed=seed, products=products, first_day=FIRST_DAY),
        folder,
    )
