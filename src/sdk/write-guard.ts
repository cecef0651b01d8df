/**
 * Notices what a logic writes outside of the frames that it is asked for: in a worker, that is memory by which the kernel sends and
 * receives. In the sandbox, nothing else writes there while a logic decides.
 */
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import { LOGIC_BUFFER_BYTES } from '../limits.ts';
import { GATHER_LIST_BYTES } from '../ports/gather-list.ts';
import type { AnyLogic, LogicInstance } from '../switching/logic.ts';

/** So far around the frames it is looked. */
const AROUND_BYTES = 64 * 1024;
/** In front of the sandbox's ports is what a logic has sent. */
const FIRST_FRAME_AT = GATHER_LIST_BYTES + LOGIC_BUFFER_BYTES;

/** Bytes of a frame with its virtio-net header, which setters write into too. */
interface Place {
  from: number;
  to: number;
}

/** The same logic. @param onWritten called each time that bytes outside are others after it was asked */
export function guarded(logic: AnyLogic, onWritten: () => void): AnyLogic {
  const create = (setup: never): LogicInstance => guardedInstance(logic.create(setup), onWritten);
  return { ...logic, create };
}

function guardedInstance(instance: LogicInstance, onWritten: () => void): LogicInstance {
  const watch = <T>(bytes: Uint8Array, places: readonly Place[], action: () => T): T => {
    const from = Math.max(FIRST_FRAME_AT, Math.min(...places.map((place) => place.from)) - AROUND_BYTES);
    const before = bytes.slice(from, Math.max(...places.map((place) => place.to)) + AROUND_BYTES);
    const result = action();
    const now = bytes.slice(from, from + before.length);
    for (const place of places) now.set(before.subarray(place.from - from, place.to - from), place.from - from);
    if (Buffer.compare(before, now) !== 0) onWritten();
    return result;
  };
  const tick = instance.tick && { tick: (now: number) => instance.tick!(now) };
  if (instance.decide === undefined) {
    return {
      ...tick,
      frame: (frame, now) =>
        watch(frame.bytes, [placeOf(frame.offset, frame.length)], () => instance.frame!(frame, now)),
    };
  }
  return {
    ...tick,
    decide: (batch, now) => {
      const places = Array.from({ length: batch.count }, (_, i) => placeOf(batch.offset[i]!, batch.length[i]!));
      watch(batch.bytes, places, () => instance.decide!(batch, now));
    },
  };
}

function placeOf(offset: number, length: number): Place {
  return { from: offset - VNET_HEADER_BYTES, to: offset + length };
}
