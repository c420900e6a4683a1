"""The engine's metrics as Prometheus text, with the process's own beside them."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.metrics import Counter, Gauge, Histogram, LabelledCounter, Metrics

__all__ = ["Exporter"]


class _EngineMetrics(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for metric in self._metrics.all().values():
            match metric:
                case Counter():
                    yield CounterMetricFamily(metric.name, metric.question, value=metric.value)
                case LabelledCounter():
                    family = CounterMetricFamily(metric.name, metric.question, labels=[metric.label])
                    for value, count in metric.values.items():
                        family.add_metric([value], count)
                    yield family
                case Gauge():
                    yield GaugeMetricFamily(metric.name, metric.question, value=metric.read())
                case Histogram():
                    yield HistogramMetricFamily(
                        metric.name, metric.question, buckets=_buckets(metric), sum_value=metric.sum_ms
                    )


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*map(str, histogram.bounds_ms), "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets


class Exporter:
    """Renders one engine's metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineMetrics(metrics))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """The text of ``/metrics``."""
        return generate_latest(self._registry)
