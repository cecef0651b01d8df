/** What each size of a run measures: which measurement, under which conditions, with which subjects. */
import type { Measurement } from './measurement.ts';
import type { Conditions } from './metrics.ts';
import type { Settings, Size } from './settings.ts';
import { addressCapacity, learningRate, macs } from './system/measure/addresses.ts';
import { broadcast } from './system/measure/broadcast.ts';
import { capture } from './system/measure/capture.ts';
import { changes } from './system/measure/changes.ts';
import { frameRate, portScaling } from './system/measure/frame-rate.ts';
import { integrity } from './system/measure/integrity.ts';
import { latency } from './system/measure/latency.ts';
import { lossCurve } from './system/measure/loss-curve.ts';
import { mesh } from './system/measure/mesh.ts';
import { overload } from './system/measure/overload.ts';
import { requests } from './system/measure/requests.ts';
import { roundTrip } from './system/measure/round-trip.ts';
import { swap } from './system/measure/swap.ts';
import { tcp } from './system/measure/tcp.ts';
import { FRAME_SIZES } from './system/measure/test-frame.ts';
import { throughput } from './system/measure/throughput.ts';
import { trunkToAccess } from './system/measure/trunk.ts';
import { udp } from './system/measure/udp.ts';
import type { Layout, Subject } from './system/subject.ts';

export const MEASUREMENTS: readonly Measurement[] = [
  frameRate,
  integrity,
  throughput,
  lossCurve,
  overload,
  latency,
  roundTrip,
  requests,
  tcp,
  udp,
  changes,
  swap,
  capture,
  portScaling,
  broadcast,
  trunkToAccess,
  mesh,
  macs,
  learningRate,
  addressCapacity,
];

export interface Step {
  measurement: Measurement;
  /** Null: every subject of the run. */
  subjects: readonly string[] | null;
  at: readonly Conditions[];
}

/** Those with figures in the table of targets that only few subjects are needed for. */
const CORE = ['tswitch-veth', 'tswitch-xdp', 'tswitch-tap', 'linux-bridge'];
/** Those whose number of ports can grow. */
const GROWING = ['tswitch-veth', 'linux-bridge'];
/** Those that lose frames within what the generator can offer, beside one that loses none. */
const LOSERS = ['tswitch-veth', 'tswitch-xdp', 'linux-bridge', 'ovs-netdev'];
/** Those with more workers than one, which take part only where they are named. */
const MANY_WORKERS = ['tswitch-veth-2w', 'tswitch-veth-4w'];
const TRUNKS = ['tswitch-veth', 'tswitch-xdp', 'ovs-netdev', 'ovs-afxdp'];
const LEARNERS = ['tswitch-veth', 'linux-bridge', 'ovs-netdev', 'ovs-afxdp'];
const SWITCHES = [...CORE, 'tswitch-packet', 'ovs-netdev', 'ovs-afxdp', 'vde-switch'];

const step = (measurement: Measurement, subjects: Step['subjects'], at: readonly Conditions[]): Step => {
  return { measurement, subjects, at };
};
const vary = (name: keyof Conditions, values: readonly (number | string)[], fixed: Conditions = {}): Conditions[] =>
  values.map((value) => ({ ...fixed, [name]: value }));

const ANY_SIZE = [...FRAME_SIZES, 'imix'];
const SMALL: Conditions = { frameBytes: 64 };
const HALF: Conditions = { ...SMALL, loadPercent: 50 };
const ONE_FLOW: Conditions = { frameBytes: 64, flows: 1 };
const WHOLE = vary('frameBytes', [64, 'imix'], { flows: 4 });
const BOTH: Conditions = { ...ONE_FLOW, direction: 'both' };

const QUICK: readonly Step[] = [
  step(frameRate, null, [ONE_FLOW]),
  step(integrity, null, vary('frameBytes', ['imix'], { flows: 4 })),
  step(tcp, null, [{ streams: 1 }]),
  step(roundTrip, null, vary('pingsPerSecond', [1000])),
];

const DEFAULT: readonly Step[] = [
  step(frameRate, null, [ONE_FLOW]),
  step(frameRate, [...CORE, ...MANY_WORKERS], vary('flows', [4096], SMALL)),
  step(frameRate, GROWING, [BOTH]),
  step(integrity, null, WHOLE),
  step(throughput, null, [SMALL]),
  step(throughput, CORE, vary('frameBytes', ['imix'])),
  step(latency, null, vary('loadPercent', [50], SMALL)),
  step(latency, CORE, vary('loadPercent', [0, 90], SMALL)),
  step(overload, CORE, vary('loadPercent', [150], SMALL)),
  step(lossCurve, LOSERS, vary('offeredFps', [200, 400, 600, 800].map(thousands), SMALL)),
  step(roundTrip, null, vary('pingsPerSecond', [1000])),
  step(roundTrip, CORE, vary('pingsPerSecond', [1])),
  step(requests, CORE, [{}]),
  step(tcp, null, [{ streams: 1 }]),
  step(tcp, GROWING, [{ streams: 8 }, { streams: 1, direction: 'both' }]),
  step(udp, CORE, vary('gso', [0, 1])),
  step(changes, ['tswitch-veth'], vary('changesPerSecond', [0, 100], SMALL)),
  step(swap, ['tswitch-veth'], vary('swapsPerSecond', [20], HALF)),
  // Last of their layout: the ports stay.
  step(portScaling, GROWING, vary('ports', [2, 64], SMALL)),
  step(broadcast, GROWING, vary('ports', [64], SMALL)),
  step(trunkToAccess, ['tswitch-veth', 'ovs-afxdp'], [SMALL]),
  step(mesh, GROWING, [SMALL]),
  step(macs, GROWING, vary('macs', [1, 200_000], SMALL)),
  step(learningRate, GROWING, [{}]),
];

const FULL: readonly Step[] = [
  step(
    frameRate,
    null,
    ANY_SIZE.flatMap((frameBytes) => vary('flows', [1, 4096], { frameBytes })),
  ),
  step(frameRate, null, [BOTH]),
  step(integrity, null, vary('frameBytes', ANY_SIZE, { flows: 4 })),
  step(throughput, null, vary('frameBytes', ANY_SIZE)),
  step(latency, null, vary('loadPercent', [0, 10, 50, 90], SMALL)),
  step(overload, SWITCHES, vary('loadPercent', [150], SMALL)),
  step(
    lossCurve,
    null,
    vary('offeredFps', [50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200].map(thousands), SMALL),
  ),
  step(roundTrip, null, vary('pingsPerSecond', [1000, 1])),
  step(requests, null, [{}]),
  step(tcp, null, [...vary('streams', [1, 8]), ...vary('streams', [1, 8], { direction: 'both' })]),
  step(udp, null, vary('gso', [0, 1])),
  step(changes, ['tswitch-veth', 'tswitch-tap', 'tswitch-xdp'], vary('changesPerSecond', [0, 100, 1000], SMALL)),
  step(swap, ['tswitch-veth', 'tswitch-tap', 'tswitch-xdp'], vary('swapsPerSecond', [0, 20], HALF)),
  step(capture, ['tswitch-veth'], vary('frameBytes', [64, 'imix'], { snaplen: 128 })),
  step(portScaling, GROWING, vary('ports', [2, 8, 64, 256], SMALL)),
  step(broadcast, GROWING, vary('ports', [256], SMALL)),
  step(trunkToAccess, TRUNKS, vary('frameBytes', ANY_SIZE)),
  step(mesh, SWITCHES, vary('frameBytes', [64, 'imix'])),
  step(macs, ['tswitch-veth', 'linux-bridge'], vary('macs', [1, 1000, 65_536, 200_000, 1_000_000], SMALL)),
  step(macs, ['ovs-netdev', 'ovs-afxdp'], vary('macs', [1, 1000], SMALL)),
  step(learningRate, LEARNERS, [{}]),
  step(addressCapacity, SWITCHES, [{}]),
];

/** Every measurement once, in few set-ups, and every kind of port. */
const SMOKE_KINDS = ['tswitch-tap', 'tswitch-packet', 'tswitch-xdp', 'linux-bridge'];
const SMOKE: readonly Step[] = [
  step(frameRate, ['tswitch-veth', ...SMOKE_KINDS], [ONE_FLOW]),
  step(integrity, ['tswitch-veth', ...SMOKE_KINDS], vary('frameBytes', ['imix'], { flows: 4 })),
  step(roundTrip, GROWING, vary('pingsPerSecond', [1000])),
  step(throughput, ['tswitch-veth'], [SMALL]),
  step(frameRate, ['tswitch-veth'], [BOTH]),
  step(latency, ['tswitch-veth'], vary('loadPercent', [50], SMALL)),
  step(overload, ['tswitch-veth'], vary('loadPercent', [150], SMALL)),
  step(lossCurve, ['tswitch-veth'], vary('offeredFps', [20_000], SMALL)),
  step(requests, ['tswitch-veth'], [{}]),
  step(tcp, ['tswitch-veth'], [{ streams: 1 }, { streams: 8, direction: 'both' }]),
  step(udp, ['tswitch-veth'], vary('gso', [0, 1])),
  step(changes, ['tswitch-veth'], vary('changesPerSecond', [100], SMALL)),
  step(swap, ['tswitch-veth'], vary('swapsPerSecond', [20], HALF)),
  step(capture, ['tswitch-veth'], vary('snaplen', [128], SMALL)),
  step(portScaling, GROWING, vary('ports', [4], SMALL)),
  step(broadcast, ['tswitch-veth'], vary('ports', [4], SMALL)),
  step(trunkToAccess, ['tswitch-veth'], [SMALL]),
  step(mesh, ['tswitch-veth'], [SMALL]),
  step(macs, ['tswitch-veth'], vary('macs', [1000], SMALL)),
  step(learningRate, ['tswitch-veth'], [{}]),
  step(addressCapacity, ['tswitch-veth'], [{}]),
];

export const PLANS: Readonly<Record<Size, readonly Step[]>> = {
  default: DEFAULT,
  quick: QUICK,
  full: FULL,
  smoke: SMOKE,
};
/** Null: all that are not only for those who name them. */
export const PLANNED_SUBJECTS: Readonly<Record<Size, readonly string[] | null>> = {
  default: null,
  quick: [...CORE, 'ovs-netdev', 'ovs-afxdp', 'vde-switch', 'bare-veth'],
  full: null,
  smoke: ['tswitch-veth', ...SMOKE_KINDS],
};

/**
 * Those whose CPU time and memory at rest are measured: whatever has a process and can grow. The first in every round, as
 * targets speak of it; the others in the first round only.
 */
export const AT_REST: Readonly<Record<Size, readonly string[]>> = {
  default: ['tswitch-veth', 'tswitch-xdp', 'tswitch-tap'],
  quick: ['tswitch-veth'],
  full: ['tswitch-veth', 'tswitch-xdp', 'tswitch-tap', 'tswitch-packet'],
  smoke: ['tswitch-veth'],
};

/** One measurement under one set of conditions. */
export interface Task {
  measurement: Measurement;
  /** Null: every subject of the run. */
  subjects: readonly string[] | null;
  at: Conditions;
}

/** The layouts that are needed, in the order of the plan. */
export function layoutsOf(plan: readonly Step[]): Layout[] {
  return [...new Set(plan.map(({ measurement }) => measurement.layout))];
}

/** What is measured in a layout, in the order of the plan. */
export function stepsIn(plan: readonly Step[], layout: Layout): Task[] {
  const steps = plan.filter(({ measurement }) => measurement.layout === layout);
  return steps.flatMap(({ measurement, subjects, at }) => at.map((one) => ({ measurement, subjects, at: one })));
}

export function takesPart(subject: Subject, { measurement, subjects }: Task): boolean {
  return (subjects?.includes(subject.name) ?? true) && subject.layouts.includes(measurement.layout);
}

/** What one round asks of a subject, by the layout that it needs to be set up in. */
export function tasksOf(plan: readonly Step[], subject: Subject): Map<Layout, Task[]> {
  const tasks = layoutsOf(plan).map((layout): [Layout, Task[]] => {
    return [layout, stepsIn(plan, layout).filter((task) => takesPart(subject, task))];
  });
  return new Map(tasks.filter(([, own]) => own.length > 0));
}

/** To set a subject up, beside another, and take it down again. */
export const SET_UP_SECONDS = 1.5;

/** About how long one round of a subject takes. */
export function secondsOf(tasks: ReadonlyMap<Layout, readonly Task[]>, settings: Settings): number {
  let seconds = 0;
  for (const inLayout of tasks.values()) {
    seconds += SET_UP_SECONDS;
    for (const { measurement, at } of inLayout) seconds += measurement.seconds(settings, at);
  }
  return seconds;
}

function thousands(count: number): number {
  return count * 1000;
}
