/** Workers as the control plane runs them: commands, replacement after a throw, and what survives it. */
import { afterEach, expect, test } from 'vitest';
import { Board } from '../../src/shared/board.ts';
import type { Command } from '../../src/shared/commands.ts';
import { Fdb } from '../../src/switching/fdb.ts';
import { Workers } from '../../src/control/workers.ts';
import { PORT_DEFAULTS } from '../support/lan.ts';

/** A worker that is given this throws: a packet port has at least one ring. */
const POISON: Command = {
  do: 'open',
  handle: 7,
  resources: { kind: 'packet', sendFd: -1, rings: [] },
  config: PORT_DEFAULTS,
};

let workers: Workers | undefined;
afterEach(async () => {
  await workers?.close();
  workers = undefined;
});

function start(count: number): { workers: Workers; ended: { worker: number; error: unknown }[] } {
  const ended: { worker: number; error: unknown }[] = [];
  const fdb = Fdb.allocate(100, 3000);
  workers = new Workers({
    count,
    board: Board.create(count),
    clockStartMs: 0,
    fdb: () => fdb,
    snapshot: () => [],
    onRestart: (worker, error) => ended.push({ worker, error }),
  });
  return { workers, ended };
}

test('every worker acknowledges a command, awake or asleep', async () => {
  const { workers } = start(2);
  for (let k = 0; k < 20; k++) await workers.command(() => [{ do: 'switch', config: { forwardReserved: k } }]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(workers.views().map(({ state }) => state)).toEqual(['asleep', 'asleep']);
  await workers.command(() => [{ do: 'switch', config: { forwardReserved: 0 } }]);
});

test('a worker that throws is replaced, and its replacement acknowledges what was under way', async () => {
  const { workers, ended } = start(2);
  await workers.command((worker) => (worker === 1 ? [POISON] : []));
  expect(ended).toHaveLength(1);
  expect(ended[0]).toMatchObject({ worker: 1, error: { message: 'port 7 was opened without a ring' } });
  await workers.command(() => [{ do: 'switch', config: { forwardReserved: 0 } }]);
  expect(workers.views().map(({ restarts }) => restarts)).toEqual([0, 1]);
});
