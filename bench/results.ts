/** What a run gathers: samples, and what failed or could not be measured. */
import type { Conditions, Distribution, Failure, MetricName, Sample } from './metrics.ts';
import type { MicroRow } from './micro/micro.ts';
import type { LatencySummary } from './system/measure/latency-histogram.ts';

/** What could not be measured, and why; nothing failed. */
export interface Skipped {
  name: string;
  reason: string;
}

/** What a run gathers. */
export class Results {
  readonly samples: Sample[] = [];
  readonly distributions: Distribution[] = [];
  /** The rows of the micro-benchmarks' tables, with what the first round says; each is a sample of its round too. */
  readonly micro: MicroRow[] = [];
  readonly failures: Failure[] = [];
  readonly skipped: Skipped[] = [];

  add(round: number, subject: string, metric: MetricName, value: number, at?: Conditions): void {
    this.samples.push({ round, subject, metric, value, ...(at && { at }) });
  }

  addLatency(round: number, subject: string, summary: LatencySummary, at: Conditions): void {
    this.add(round, subject, 'latencyP50Us', summary.p50 / 1000, at);
    this.add(round, subject, 'latencyP90Us', summary.p90 / 1000, at);
    this.add(round, subject, 'latencyP99Us', summary.p99 / 1000, at);
    this.add(round, subject, 'latencyP999Us', summary.p999 / 1000, at);
    this.add(round, subject, 'latencyMaxUs', summary.max / 1000, at);
    const { edgesNs, counts } = summary;
    this.distributions.push({ round, subject, metric: 'latency', at, edgesNs, counts });
  }

  addMicro(round: number, rows: readonly MicroRow[]): void {
    for (const row of rows) {
      const { table, name, metric, value } = row;
      const isThere = this.micro.some((one) => one.table === table && one.name === name && one.metric === metric);
      if (!isThere) this.micro.push(row);
      this.add(round, name, metric, value);
    }
  }

  /** Once, however many rounds say so. */
  leaveOut(name: string, reason: string): void {
    if (!this.skipped.some((other) => other.name === name && other.reason === reason))
      this.skipped.push({ name, reason });
  }

  /** Runs one measurement; its failure is noted and costs the run nothing else, unless the run is being aborted. */
  async attempt(round: number, subject: string, signal: AbortSignal, measure: () => Promise<void>): Promise<void> {
    try {
      await measure();
    } catch (error) {
      signal.throwIfAborted();
      this.failures.push({ round, subject, message: describe(error) });
    }
  }
}

/** On one line. A failed clean-up after a failed measurement says both. */
function describe(error: unknown): string {
  if (error instanceof SuppressedError) return `${describe(error.suppressed)}; then ${describe(error.error)}`;
  const message = error instanceof Error ? error.message : String(error);
  const text = error instanceof MeasurementError ? `${message}: ${describe(error.cause)}` : message;
  return text.trim().replaceAll(/\s*\n\s*/g, ' | ');
}

/** Says which measurement it was that failed, and under which conditions. */
export class MeasurementError extends Error {}
