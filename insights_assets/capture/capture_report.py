"""What a capture of live pages says of itself: in the run's log and metadata, and by failing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from insights_assets.capture.capture import CaptureSummary
from insights_resources.errors import CircuitOpenError, ProviderAccessError
from insights_resources.page_providers.protocol import Verdict

#: Products that are named for each reason.
_NAMED = 10


def left_out_in_words(summary: CaptureSummary) -> Iterator[str]:
    """A line for each reason why products have no page of theirs."""
    by_reason: dict[str, list[str]] = {}
    for key, reason in summary.left_out.items():
        by_reason.setdefault(reason, []).append(str(key))
    if summary.held_by_others:
        by_reason["another capture is about to bring them"] = list(map(str, summary.held_by_others))
    for reason, keys in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
        yield f"{len(keys)} left for later ({reason}): {', '.join(sorted(keys)[:_NAMED])}{more}"


def capture_metadata(summary: CaptureSummary) -> dict[str, Any]:
    """Of each provider its pages, verdicts, latencies, credits and retries; and what was left."""
    metadata: dict[str, Any] = {
        "targets": summary.targets,
        "pages": summary.pages,
        "left_out": len(summary.left_out),
        "left_to_another_capture": len(summary.held_by_others),
    }
    reasons = Counter(summary.left_out.values())
    if reasons:
        metadata["left_out_why"] = "; ".join(
            f"{count}: {reason}" for reason, count in reasons.most_common(_NAMED)
        )
    if summary.ended_by is not None:
        metadata["ended_by"] = str(summary.ended_by)
    for name, provider in summary.providers.items():
        metadata |= {
            f"{name}/pages": provider.pages,
            f"{name}/credits": float(provider.credits),
            f"{name}/retries": provider.retries,
            **{f"{name}/{verdict}": count for verdict, count in provider.verdicts.items()},
        }
        if provider.latencies_ms:
            p50, p95, p99 = np.percentile(provider.latencies_ms, (50, 95, 99))
            metadata |= {
                f"{name}/latency_ms_p50": float(p50),
                f"{name}/latency_ms_p95": float(p95),
                f"{name}/latency_ms_p99": float(p99),
            }
    return metadata


def raise_when_nothing_came(summary: CaptureSummary) -> None:
    """Fails the run where somebody has to act, or where the provider gave nothing at all.

    Raises ``ProviderAccessError`` (a refused key, no credits) unless a fallback brought every page,
    or ``CircuitOpenError``. What a budget left out fails nothing: that is what it is for.
    """
    if isinstance(summary.ended_by, ProviderAccessError) and (
        summary.left_out or not summary.pages
    ):
        raise summary.ended_by
    is_nothing = summary.verdicts[Verdict.ERROR.value] == summary.pages
    if isinstance(summary.ended_by, CircuitOpenError) and is_nothing:
        raise summary.ended_by
