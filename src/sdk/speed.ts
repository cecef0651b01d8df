/** How fast a logic is: frames between two hosts that know each other, through the whole data path in memory. */
import { getHeapSpaceStatistics } from 'node:v8';
import type { AnyLogic } from '../switching/logic.ts';
import { mac, udp } from './frames.ts';
import { Sandbox } from './sandbox-switch.ts';

const BATCH = 256;
const WARM_BATCHES = 300;
const BATCHES = 20;
const TURNS = 20;
const HEAP_BATCHES = 20;
const HEAP_TURNS = 9;
const NS_PER_MS = 1e6;

export interface Speed {
  /** Of the whole way through the sandbox, of which the ports' copying is most. */
  nsPerFrame: number;
  /** The same without the logic. */
  builtInNsPerFrame: number;
  /** What the logic adds to the heap, by frame; 0 for one that allocates nothing. */
  heapBytesPerFrame: number;
}

/** The quickest of some turns of each, in turn: what a machine does beside this only ever takes time. */
export function speedOf(logic: AnyLogic, params: object): Speed {
  const builtIn = new Measured(new Sandbox({ ports: ['a', 'b'] }));
  const own = new Measured(new Sandbox({ ports: ['a', 'b'], logic, params }));
  const times = { builtIn: Infinity, own: Infinity };
  for (let turn = 0; turn < TURNS; turn++) {
    times.builtIn = Math.min(times.builtIn, builtIn.nsPerFrame());
    times.own = Math.min(times.own, own.nsPerFrame());
  }
  return {
    nsPerFrame: times.own,
    builtInNsPerFrame: times.builtIn,
    heapBytesPerFrame: Math.max(0, Math.round(own.heapBytesPerFrame() - builtIn.heapBytesPerFrame())),
  };
}

class Measured {
  readonly #on: Sandbox;
  readonly #frames = Array.from({ length: BATCH }, () => udp({ src: mac(1), dst: mac(2) }));

  constructor(on: Sandbox) {
    this.#on = on;
    on.send('b', udp({ src: mac(2), dst: mac(1) }));
    this.#run(WARM_BATCHES);
  }

  nsPerFrame(): number {
    const started = performance.now();
    this.#run(BATCHES);
    return ((performance.now() - started) * NS_PER_MS) / (BATCHES * BATCH);
  }

  /** The median: collections show in some. */
  heapBytesPerFrame(): number {
    const grown = Array.from({ length: HEAP_TURNS }, () => {
      const before = youngBytes();
      this.#run(HEAP_BATCHES);
      return youngBytes() - before;
    }).sort((a, b) => a - b);
    return grown[HEAP_TURNS >> 1]! / (HEAP_BATCHES * BATCH);
  }

  #run(batches: number): void {
    for (let k = 0; k < batches; k++) this.#on.sendAll('a', this.#frames);
  }
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_used_size;
}
