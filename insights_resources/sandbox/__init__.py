"""The sandbox marketplace: simulated products whose pages look like Amazon's, with the truth.

``SandboxMarket`` simulates, ``page_rendering`` draws its pages, ``SandboxProvider`` serves them to
the pipeline, ``truth`` computes in plain loops what the pipeline should find.
"""

from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.page_truth import (
    SandboxRank,
    SandboxTruth,
    SnapshotTruth,
)
from insights_resources.sandbox.provider import SandboxProvider

__all__ = ["SandboxMarket", "SandboxProvider", "SandboxRank", "SandboxTruth", "SnapshotTruth"]
