/**
 * Many addresses (RFC 2889, sections 5.7 and 5.8): the rate with many destinations, how many addresses a switch holds, and how
 * fast it takes new ones. A third host that nobody talks to hears what the switch has to flood: an address that it does
 * not know.
 */
import type { Context, Measurement } from '../../measurement.ts';
import type { Host } from '../hosts.ts';
import type { AddressRange } from './burst.ts';
import { addRate, optionsOf } from './frame-rate.ts';
import { drained, Load, phase, receivedBy } from './load.ts';
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

type Range = Pick<AddressRange, 'first' | 'count'>;

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
    await teachTwice(context, range);
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
    const range = { first: 0, count: context.settings.capacityAddresses };
    {
      await using teacher = await Lessons.teaching(context);
      await teacher.send(range, GENTLE_FPS);
    }
    await using examiner = await Lessons.asking(context);
    context.add('addressCapacity', range.count - (await examiner.countUnknown(range)), at);
  },
};

export const learningRate: Measurement = {
  name: 'learning',
  about: 'highest rate at which all of many new addresses are learned',
  layout: 'trio',
  seconds: ({ lessonAddresses }) => (8 * lessonAddresses) / GENTLE_FPS + 3,
  async measure(context, at) {
    const { rig, settings } = context;
    const { precision, trialRepeats: repeats, lessonAddresses } = settings;
    let first = 0;
    await rig.allowAddresses?.(2 ** 20);
    await using teacher = await Lessons.teaching(context);
    await using examiner = await Lessons.asking(context);
    const trial = async (framesPerSecond: number) => {
      const range = { first, count: lessonAddresses };
      first += lessonAddresses;
      const offeredFps = await teacher.send(range, framesPerSecond);
      return { offeredFps, lossRatio: (await examiner.countUnknown(range)) / lessonAddresses };
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

/** Frames that each have another address: of b's side, which teach it, or to it, which show whether it is known. */
class Lessons implements AsyncDisposable {
  readonly #context: Context;
  readonly #load: Load;
  readonly #field: AddressRange['field'];

  private constructor(context: Context, load: Load, field: AddressRange['field']) {
    this.#context = context;
    this.#load = load;
    this.#field = field;
  }

  /** Frames from addresses behind host b. */
  static async teaching(context: Context): Promise<Lessons> {
    const { bench, rig } = context;
    const load = await Load.start(bench, rig, { ways: [[rig.b, rig.a]], sourceMac: MANY });
    return new Lessons(context, load, 'source');
  }

  /** Frames to addresses behind host b. */
  static async asking(context: Context): Promise<Lessons> {
    const { bench, rig } = context;
    const load = await Load.start(bench, rig, { ways: [[rig.a, rig.b]], destinationMac: MANY });
    return new Lessons(context, load, 'destination');
  }

  /** Sends one frame with each address of the range, and waits until all have arrived. @returns the rate it was done at */
  async send(range: Range, framesPerSecond: number): Promise<number> {
    const { count } = range;
    const secondsMax = (count / framesPerSecond) * 2 + 5;
    const addresses = { field: this.#field, ...range };
    const { phases } = await this.#load.send([{ ...phase(framesPerSecond, secondsMax), frames: count }], { addresses });
    const { sent, seconds } = phases[0]!;
    if (sent < count) throw new Error(`the generator sent only ${sent} of ${count} frames`);
    await drained(this.#context.rig.hosts, this.#context.bench.signal);
    return sent / seconds;
  }

  /** Sends one frame to each address of the range. @returns how many of them the third host heard */
  async countUnknown(range: Range): Promise<number> {
    const third = [thirdOf(this.#context)];
    const before = receivedBy(third);
    await this.send(range, GENTLE_FPS);
    return receivedBy(third) - before;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#load[Symbol.asyncDispose]();
  }
}

/** A frame that is lost on the way teaches nothing. */
async function teachTwice(context: Context, range: Range): Promise<void> {
  await using teacher = await Lessons.teaching(context);
  for (let k = 0; k < 2; k++) await teacher.send(range, GENTLE_FPS);
}

function thirdOf({ rig }: Context): Host {
  return rig.hosts[2]!;
}
