/**
 * Many addresses (RFC 2889, sections 5.7 and 5.8): the rate with many destinations, how many addresses a switch holds, and how
 * fast it takes new ones. A third host that nobody talks to hears what the switch has to flood: an address that it does
 * not know.
 */
import type { Context, Measurement } from '../../measurement.ts';
import type { Host } from '../hosts.ts';
import { drained, Load, phase, receivedBy } from './load.ts';
import { addRate, optionsOf } from './frame-rate.ts';
import { searchRate } from './rate-search.ts';

/** The last three bytes are written into each frame. */
const MANY = '02:4d:00:00:00:00';
/** So slowly that no frame is lost on the way. */
const GENTLE_FPS = 40_000;
/** Room for hosts and for what comes between. */
const SPARE_ADDRESSES = 64;
/** No more than this share of the frames to addresses that were taught may be flooded. */
const UNKNOWN_RATIO = 0.001;
const LESSON_FPS_MAX = 400_000;

interface Range {
  first: number;
  count: number;
}

/** At `frameBytes` and `macs`: destinations in turn, all learned before. */
export const macs: Measurement = {
  name: 'macs',
  about: 'frames delivered at overload to many addresses',
  layout: 'trio',
  seconds: (settings, at) => settings.frameSeconds + 2 + (2 * Number(at.macs)) / GENTLE_FPS,
  async measure(context, at) {
    const { rig } = context;
    const range = { first: 0, count: Number(at.macs) };
    await rig.allowAddresses?.(range.count + SPARE_ADDRESSES);
    // Twice: a frame that is lost on the way teaches nothing.
    await teach(context, rig.b, rig.a, range, GENTLE_FPS);
    await teach(context, rig.b, rig.a, range, GENTLE_FPS);
    const before = receivedBy([thirdOf(context)]);
    const options = { ...optionsOf(at), destinationMac: MANY, addresses: { field: 'destination', ...range } as const };
    const delivered = receivedBy([rig.b]);
    await addRate(context, at, options, [rig.b]);
    const unknown = (receivedBy([thirdOf(context)]) - before) / (receivedBy([rig.b]) - delivered);
    if (unknown > UNKNOWN_RATIO) {
      throw new Error(`${(unknown * 100).toFixed(1)} % of the frames to ${range.count} addresses were flooded`);
    }
  },
};

/** Without a setting for it, or with what the setting allows at most. */
export const addressCapacity: Measurement = {
  name: 'capacity',
  about: 'addresses that a switch holds, of more than most can',
  layout: 'trio',
  seconds: ({ capacityAddresses }) => (2 * capacityAddresses) / GENTLE_FPS + 2,
  async measure(context, at) {
    const { rig, settings } = context;
    const range = { first: 0, count: settings.capacityAddresses };
    await teach(context, rig.b, rig.a, range, GENTLE_FPS);
    context.add('addressCapacity', range.count - (await countUnknown(context, rig.a, rig.b, range)), at);
  },
};

export const learningRate: Measurement = {
  name: 'learning',
  about: 'highest rate at which all of many new addresses are learned',
  layout: 'trio',
  seconds: ({ lessonAddresses }) => (8 * lessonAddresses) / GENTLE_FPS + 8,
  async measure(context, at) {
    const { rig, settings } = context;
    const { precision, trialRepeats: repeats, lessonAddresses } = settings;
    let first = 0;
    await rig.allowAddresses?.(2 ** 20);
    const trial = async (framesPerSecond: number) => {
      const range = { first, count: lessonAddresses };
      first += lessonAddresses;
      const offeredFps = await teach(context, rig.b, rig.a, range, framesPerSecond);
      return { offeredFps, lossRatio: (await countUnknown(context, rig.a, rig.b, range)) / lessonAddresses };
    };
    const limits = {
      goal: UNKNOWN_RATIO,
      maxFps: LESSON_FPS_MAX,
      guessFps: 100_000,
      precision: 2 * precision,
      repeats,
    };
    const rate = await searchRate(limits, [], trial);
    if (rate === null) context.leaveOut('learning rate: addresses stay unknown even at the lowest rate tried');
    else context.add('learningFps', rate, at);
  },
};

/** Sends one frame from each address of the range. @returns the rate it was done at */
async function teach(
  { bench, rig }: Context,
  from: Host,
  to: Host,
  range: Range,
  framesPerSecond: number,
): Promise<number> {
  const addresses = { field: 'source', ...range } as const;
  await using load = await Load.start(bench, rig, { ways: [[from, to]], sourceMac: MANY, addresses });
  const result = await sendOnce(load, range.count, framesPerSecond);
  await drained(rig.hosts, bench.signal);
  return result;
}

/** Sends one frame to each address of the range. @returns how many of them the third host heard */
async function countUnknown(context: Context, from: Host, to: Host, range: Range): Promise<number> {
  const { bench, rig } = context;
  const third = thirdOf(context);
  const addresses = { field: 'destination', ...range } as const;
  await using load = await Load.start(bench, rig, { ways: [[from, to]], destinationMac: MANY, addresses });
  const before = receivedBy([third]);
  await sendOnce(load, range.count, GENTLE_FPS);
  return (await drained([third], bench.signal)) - before;
}

/** @returns the rate it was done at */
async function sendOnce(load: Load, frames: number, framesPerSecond: number): Promise<number> {
  const secondsMax = (frames / framesPerSecond) * 2 + 5;
  const { phases } = await load.send([{ ...phase(framesPerSecond, secondsMax), frames }]);
  const { sent, seconds } = phases[0]!;
  if (sent < frames) throw new Error(`the generator sent only ${sent} of ${frames} frames`);
  return sent / seconds;
}

function thirdOf({ rig }: Context): Host {
  return rig.hosts[2]!;
}
