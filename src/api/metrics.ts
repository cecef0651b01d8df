/**
 * GET /metrics: the Prometheus text format, version 0.0.4. Written here: every value is read from the switch when it is
 * asked for, so the counters and registries of a client library would only be copies, and its format is a page.
 *
 * Labels are bounded: ports by PORTS_MAX, drop reasons by their closed list, workers by WORKERS_MAX, logics by LOGICS_MAX and
 * what a definition may name.
 */
import type { LogicVersionView } from '../control/logic/model.ts';
import type { PortState, PortStats, SwitchControl } from '../control/model.ts';
import type { LoopDelay } from './loop-delay.ts';

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Record<string, string | number>;
type Sample = [Labels, number];

const STATES: readonly PortState[] = ['up', 'down', 'lost'];

export function renderMetrics(control: SwitchControl, loopDelay: LoopDelay): string {
  const parts = [trafficFamilies(control), tableFamilies(control), logicFamilies(control)];
  return [...parts.flat(), ...processFamilies(control, loopDelay)].join('');
}

function trafficFamilies(control: SwitchControl): string[] {
  const stats = control.stats();
  const ports = Object.entries(stats.ports);
  const views = control.ports();
  const perPort = (name: string, help: string, of: (port: PortStats) => number): string =>
    family(
      `tswitch_port_${name}`,
      'counter',
      help,
      ports.map(([port, counts]) => [{ port }, of(counts)]),
    );
  const total = (name: string, help: string, count: number): string =>
    family(`tswitch_${name}`, 'counter', help, [[{}, count]]);
  return [
    total('received_frames_total', 'Frames taken from all ports.', stats.totals.rx),
    total('forwarded_frames_total', 'Frames sent to one known port.', stats.totals.forwarded),
    total('flooded_frames_total', 'Frames flooded, each once.', stats.totals.flooded),
    total('flood_copies_total', 'Copies made by flooding.', stats.totals.floodCopies),
    total('sent_frames_total', 'Frames sent by all ports.', stats.totals.tx),
    family(
      'tswitch_dropped_frames_total',
      'counter',
      'Frames and copies dropped, by reason, ports that are no more included.',
      Object.entries(stats.drops).map(([reason, count]) => [{ reason }, count]),
    ),
    perPort('received_frames_total', 'Frames taken from the port; a super-frame is one.', ({ rx }) => rx.frames),
    perPort('received_bytes_total', 'Bytes of these frames.', ({ rx }) => rx.bytes),
    perPort('received_super_frames_total', 'How many of these frames were super-frames.', ({ rx }) => rx.superFrames),
    perPort('receive_overflows_total', 'Frames lost before they were taken.', ({ rx }) => rx.drops),
    perPort('sent_frames_total', 'Frames sent by the port; a super-frame is one.', ({ tx }) => tx.frames),
    perPort('sent_bytes_total', 'Bytes of these frames.', ({ tx }) => tx.bytes),
    perPort('sent_super_frames_total', 'How many of these frames were super-frames.', ({ tx }) => tx.superFrames),
    perPort('sent_segments_total', 'Wire frames made by segmenting super-frames.', ({ tx }) => tx.segments),
    perPort('mirrored_frames_total', 'Mirrored copies sent by the port.', ({ mirrored }) => mirrored.frames),
    perPort('mirror_drops_total', 'Mirrored copies dropped at the port.', ({ mirrored }) => mirrored.drops),
    family(
      'tswitch_port_dropped_frames_total',
      'counter',
      'Frames and copies dropped at the port, by reason.',
      ports.flatMap(([port, { drops }]) =>
        Object.entries(drops).map(([reason, count]): Sample => [{ port, reason }, count]),
      ),
    ),
    family(
      'tswitch_port_state',
      'gauge',
      'Whether the port is in the state.',
      views.flatMap(({ name, state }) =>
        STATES.map((each): Sample => [{ port: name, state: each }, each === state ? 1 : 0]),
      ),
    ),
    family(
      'tswitch_port_blocked',
      'gauge',
      'Whether loop protection has cut the port off.',
      views.map(({ name, blocked }) => [{ port: name }, blocked ? 1 : 0]),
    ),
  ];
}

function tableFamilies(control: SwitchControl): string[] {
  const { entries, given, limit, evictions } = control.fdbUsage();
  return [
    family('tswitch_fdb_entries', 'gauge', 'Entries of the MAC table.', [[{}, entries]]),
    family('tswitch_fdb_given_entries', 'gauge', 'Static and sticky entries among them.', [[{}, given]]),
    family('tswitch_fdb_limit_entries', 'gauge', 'Entries that the MAC table holds at most.', [[{}, limit]]),
    family('tswitch_fdb_evictions_total', 'counter', 'Learned entries that had to go for others; modulo 2^32.', [
      [{}, evictions],
    ]),
  ];
}

/** Of the loaded logics, with the names that they give their own counters and drop reasons. */
function logicFamilies({ logic }: SwitchControl): string[] {
  const versions = logic
    .list()
    .flatMap(({ name, live, shadow }) =>
      Object.entries({ live, shadow }).flatMap(([state, version]) =>
        version ? [{ labels: { logic: name, state }, version }] : [],
      ),
    );
  const each = (what: string, help: string, of: (version: LogicVersionView) => number): string =>
    family(
      `tswitch_logic_${what}`,
      'counter',
      help,
      versions.map(({ labels, version }): Sample => [labels, of(version)]),
    );
  return [
    each('frames_total', 'Frames that the loaded logic was asked for.', ({ frames }) => frames),
    each('decided_frames_total', 'Frames that it decided.', ({ decided }) => decided),
    each('faults_total', 'Times that it failed.', ({ faults }) => faults),
    each('seconds_total', 'Time spent in it.', ({ microseconds }) => microseconds / 1e6),
    family(
      'tswitch_logic_dropped_frames_total',
      'counter',
      "Frames dropped for a reason of the logic's own; each is one of reason LOGIC too.",
      versions.flatMap(({ labels, version }) =>
        version.drops.map(({ reason, count }): Sample => [{ ...labels, reason }, count]),
      ),
    ),
    family(
      'tswitch_logic_counter_total',
      'counter',
      "The logic's own counters.",
      versions.flatMap(({ labels, version }) =>
        version.counters.map(({ name, count }): Sample => [{ ...labels, counter: name }, count]),
      ),
    ),
  ];
}

function processFamilies(control: SwitchControl, loopDelay: LoopDelay): string[] {
  const { version, ffi } = control.settings();
  const { workers } = control.stats();
  const { p50, p99, max } = loopDelay.read();
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return [
    family('tswitch_build_info', 'gauge', 'Always 1; the labels say what runs.', [
      [{ version, ffi, node: process.versions.node }, 1],
    ]),
    family('tswitch_healthy', 'gauge', 'Whether GET /healthz says ok.', [
      [{}, control.problems().length === 0 ? 1 : 0],
    ]),
    family(
      'tswitch_worker_restarts_total',
      'counter',
      'How often the worker was replaced.',
      workers.map(({ worker, restarts }) => [{ worker }, restarts]),
    ),
    family(
      'tswitch_worker_hung',
      'gauge',
      'Whether the worker gives no sign of life.',
      workers.map(({ worker, state }) => [{ worker }, state === 'hung' ? 1 : 0]),
    ),
    family('tswitch_event_loop_delay_seconds', 'gauge', 'Lateness of the main thread since the last scrape.', [
      [{ statistic: 'p50' }, p50],
      [{ statistic: 'p99' }, p99],
      [{ statistic: 'max' }, max],
    ]),
    family('tswitch_memory_bytes', 'gauge', 'Memory of the process: resident, and what its heap uses and holds.', [
      [{ kind: 'resident' }, rss],
      [{ kind: 'heap_used' }, heapUsed],
      [{ kind: 'heap_total' }, heapTotal],
      [{ kind: 'external' }, external],
    ]),
    family('process_cpu_seconds_total', 'counter', 'CPU time of the process, all workers included.', [
      [{}, (userCPUTime + systemCPUTime) / 1e6],
    ]),
    family('process_start_time_seconds', 'gauge', 'When the process started, in seconds since 1970.', [
      [{}, Date.now() / 1000 - process.uptime()],
    ]),
  ];
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: Sample[]): string {
  const lines = samples.map(([labels, value]) => `${name}${labelText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(String(value))}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

function escape(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
