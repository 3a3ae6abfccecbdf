"""What /metrics shows, in the base units of Prometheus (seconds)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """One service's metrics; a registry of its own, so that two services in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "vitrine_request_seconds",
            "Time to answer a request.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        stages = Histogram(
            "vitrine_search_stage_seconds",
            "Time of a search's stages: encode, search.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.encoding = stages.labels("encode")
        self.searching = stages.labels("search")
        self.batches = Histogram(
            "vitrine_encode_batch_queries",
            "Queries that were encoded together.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.items = Gauge("vitrine_index_items", "Items in the served index.", registry=self.registry)
        self.pictures = Gauge(
            "vitrine_index_pictures", "Pictures in the served index.", registry=self.registry
        )
        self.swaps = Counter(
            "vitrine_index_swaps", "Index versions and towers taken up while serving.", registry=self.registry
        )
        self.failed_swaps = Counter(
            "vitrine_index_swap_failures", "Versions that could not be taken up.", registry=self.registry
        )

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
