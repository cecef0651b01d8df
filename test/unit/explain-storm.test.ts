/** In random worlds, what is explained of a frame is what then becomes of it. See test/model. */
import { expect, test } from 'vitest';
import { storm, stormSeed, type Subject } from '../model/storm.ts';
import type { World } from '../model/worlds.ts';
import { Lan } from '../support/lan.ts';
import { memorySwitch } from '../support/memory-switch.ts';

const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 10_000 : 500;

/** Bytes in hex, by port, and why nothing leaves. */
type Fate = { outcome: string; reason: string | null; sent: Record<string, string> };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function explained(lan: Lan, port: string, frame: Uint8Array): Fate {
  const { outcome, reason, egress } = lan.explain(port, frame);
  const sent = egress.flatMap((copy) => (copy.frame ? [[copy.port, hex(copy.frame)]] : []));
  return { outcome, reason, sent: Object.fromEntries(sent) as Record<string, string> };
}

function happened(lan: Lan, send: () => Map<string, Uint8Array[]>): Fate {
  const count = (): Record<string, number> => ({ forwarded: lan.total('FORWARDED'), flooded: lan.total('FLOODED') });
  const [before, dropsBefore] = [count(), lan.drops()];
  const left = send();
  const [after, drops] = [count(), lan.drops()];
  const outcome = Object.keys(after).find((name) => after[name] !== before[name]) ?? 'dropped';
  const reason = Object.keys(drops).find((name) => drops[name] !== dropsBefore[name]) ?? null;
  const sent = [...left].flatMap(([name, frames]) => frames.map((frame) => [name, hex(frame)] as const));
  return { outcome, reason: outcome === 'dropped' ? reason : null, sent: Object.fromEntries(sent) };
}

let asked = 0;

function explainingSwitch(world: World): Subject {
  const lan = new Lan(world.ports, world.options);
  const subject = memorySwitch(world, lan);
  const send = (port: string, frames: Uint8Array[]) => subject.send(port, frames, 0) as Map<string, Uint8Array[]>;
  return {
    ...subject,
    send(port, frames) {
      const [frame] = frames;
      // Where the table is full, which of several entries goes is not told.
      if (!frame || frames.length > 1 || frame.length === 0 || world.isTight) return send(port, frames);
      const told = explained(lan, port, frame);
      let left = new Map<string, Uint8Array[]>();
      const fate = happened(lan, () => (left = send(port, frames)));
      expect(told, `${hex(frame)} into ${port}`).toEqual(fate);
      asked++;
      return left;
    },
  };
}

test(`${FRAMES} frames in random worlds: explained, then sent`, { timeout: 900_000 }, async () => {
  const seed = stormSeed();
  try {
    await storm({ seed, frames: FRAMES, stage: 'memory', open: explainingSwitch });
  } catch (error) {
    throw new Error(`with TSWITCH_SEED=${seed}`, { cause: error });
  }
  expect(asked).toBeGreaterThan(FRAMES / 4);
});
