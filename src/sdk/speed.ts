/** How fast a logic is: frames between two hosts that know each other, through the whole data path in memory. */
import { getHeapSpaceStatistics } from 'node:v8';
import type { AnyLogic } from '../switching/logic.ts';
import { mac, udp } from './frames.ts';
import { Sandbox } from './sandbox-switch.ts';

const BATCH = 256;
const WARM_BATCHES = 300;
const BATCHES = 300;
const HEAP_BATCHES = 20;
const NS_PER_MS = 1e6;

export interface Speed {
  /** Of the whole way through the sandbox, of which the ports' copying is most. */
  nsPerFrame: number;
  /** The same without the logic. */
  builtInNsPerFrame: number;
  /** What the logic adds to the heap, by frame; 0 for one that allocates nothing. */
  heapBytesPerFrame: number;
}

export function speedOf(logic: AnyLogic, params: object): Speed {
  const builtIn = measure(new Sandbox({ ports: ['a', 'b'] }));
  const own = measure(new Sandbox({ ports: ['a', 'b'], logic, params }));
  return {
    nsPerFrame: own.ns,
    builtInNsPerFrame: builtIn.ns,
    heapBytesPerFrame: Math.max(0, Math.round(own.heapBytes - builtIn.heapBytes)),
  };
}

function measure(on: Sandbox): { ns: number; heapBytes: number } {
  on.send('b', udp({ src: mac(2), dst: mac(1) }));
  const frames = Array.from({ length: BATCH }, () => udp({ src: mac(1), dst: mac(2) }));
  const run = (batches: number): void => {
    for (let k = 0; k < batches; k++) on.sendAll('a', frames);
  };
  run(WARM_BATCHES);
  const started = performance.now();
  run(BATCHES);
  const ns = ((performance.now() - started) * NS_PER_MS) / (BATCHES * BATCH);
  const grown = Array.from({ length: 9 }, () => {
    const before = youngBytes();
    run(HEAP_BATCHES);
    return youngBytes() - before;
  }).sort((a, b) => a - b);
  return { ns, heapBytes: (grown[4] ?? 0) / (HEAP_BATCHES * BATCH) };
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_used_size;
}
