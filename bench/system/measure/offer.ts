/** Starts the generator in a rig's host a, towards host b. */
import { fileURLToPath } from 'node:url';
import { Child } from '../child.ts';
import { inNetns, onCore } from '../command.ts';
import { interfaceIndex } from '../hosts.ts';
import type { Bench, Rig } from '../subject.ts';
import type { GeneratorTask } from './generator.ts';

const PROGRAM = fileURLToPath(new URL('generator.ts', import.meta.url));
/** Bounds the load should nobody end the generator in time. */
const SPARE_SECONDS = 5;

export interface Offer {
  destinationAddress: string;
  destinationPort: number;
  flows: number;
  /** How long the frames will be needed. */
  seconds: number;
}

/** @returns the generator, already sending */
export async function offerFrames(bench: Bench, rig: Rig, offer: Offer): Promise<Child> {
  const { a, b } = rig;
  const task: GeneratorTask = {
    interfaceIndex: await interfaceIndex(a),
    sourceMac: a.mac,
    destinationMac: b.mac,
    sourceAddress: a.address,
    destinationAddress: offer.destinationAddress,
    destinationPort: offer.destinationPort,
    flows: offer.flows,
    secondsMax: offer.seconds + SPARE_SECONDS,
  };
  const argv = [process.execPath, PROGRAM, JSON.stringify(task)];
  const generator = Child.start(inNetns(a.netns, onCore(bench.generatorCore, argv)));
  try {
    await generator.printed(/^sending$/m, bench.signal);
    return generator;
  } catch (error) {
    await generator[Symbol.asyncDispose]();
    throw error;
  }
}
