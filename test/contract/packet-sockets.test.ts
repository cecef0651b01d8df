/** src/ports/open-packet.ts over real sockets: the rings of a port become smaller where the arena is half taken. */
import { afterEach, expect, test } from 'vitest';
import { ENOMEM } from '../../native-bindings/abi/errno.ts';
import { ARENA_BYTES_MIN, Arena } from '../../native-bindings/arena.ts';
import { SyscallError } from '../../native-bindings/syscalls.ts';
import { PacketSockets } from '../../src/ports/open-packet.ts';

const LOOPBACK = 1;
const WHOLE = [2048, 60];
const HALF = [1024, 30];

const opened: PacketSockets[] = [];
const closeAll = () => Promise.all(opened.splice(0).map((sockets) => sockets.close()));
afterEach(closeAll);

/** @returns slots of its rings */
async function open(arena: Arena): Promise<number[]> {
  const sockets = await PacketSockets.open(LOOPBACK, arena, { bypassQdisc: true, promiscuous: false, shared: false });
  opened.push(sockets);
  const { resources } = sockets;
  return resources.kind === 'packet' ? resources.rings.map(({ geometry: g }) => g.blocks * g.slotsPerBlock) : [];
}

/** Opens ports until one is refused. */
async function fill(arena: Arena): Promise<{ slots: number[][]; error: unknown }> {
  const slots: number[][] = [];
  for (;;) {
    try {
      slots.push(await open(arena));
    } catch (error) {
      return { slots, error };
    }
  }
}

test('whole rings in the first half of an arena, half ones in the second, then ENOMEM; and the same again', async () => {
  const arena = Arena.create(ARENA_BYTES_MIN);
  for (let round = 0; round < 2; round++) {
    const { slots, error } = await fill(arena);
    // A port takes 8 MiB and some pages, then 4.
    expect(slots).toEqual([...Array<number[]>(4).fill(WHOLE), ...Array<number[]>(7).fill(HALF)]);
    expect(error).toBeInstanceOf(SyscallError);
    expect(error).toMatchObject({ errno: ENOMEM });
    await closeAll();
  }
});
