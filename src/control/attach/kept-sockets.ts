/**
 * Packet sockets that outlive the daemon, so that its next life goes on with their rings: the kernel takes long to close rings and to make
 * new ones (docs/decisions/0016), and what comes meanwhile waits in them.
 */
import { z } from 'zod';
import type { Arena } from '../../../native-bindings/arena.ts';
import { SyscallError, sys } from '../../../native-bindings/syscalls.ts';
import { type PacketHandover, PacketSockets } from '../../ports/open-packet.ts';
import type { DescriptorStore, Stored } from '../plumbing/descriptor-store.ts';

/** With whatever changes of what rings and sockets are set to. */
const FORMAT = 1;
const SENDERS = 2;

const planSchema = z.object({
  slotBytes: z.number(),
  slotsPerBlock: z.number(),
  blockBytes: z.number(),
  blocks: z.number(),
});
const aboutSchema = z.object({
  format: z.literal(FORMAT),
  ifindex: z.number(),
  promiscuous: z.boolean(),
  /** Of each worker's rings. */
  workers: z.array(z.array(planSchema)),
});

export interface SocketsWish {
  ifindex: number;
  promiscuous: boolean;
  bypassQdisc: boolean;
}

export class KeptSockets {
  readonly #store: DescriptorStore | null;

  /** @param store null: nothing outlives the daemon */
  constructor(store: DescriptorStore | null) {
    this.#store = store;
  }

  /** The port's sockets of an earlier life, one per worker; null: they are to be opened. */
  resume(port: string, wish: SocketsWish, arenas: readonly Arena[]): PacketSockets[] | null {
    const left = this.#store?.take(port);
    return left ? resumed(left, wish, arenas) : null;
  }

  /** From now on they outlive the daemon. */
  keep(port: string, { ifindex, promiscuous }: SocketsWish, sockets: readonly PacketSockets[]): void {
    const handovers = sockets.map(({ handover }) => handover);
    const about: z.infer<typeof aboutSchema> = {
      format: FORMAT,
      ifindex,
      promiscuous,
      workers: handovers.map(({ plans }) => plans),
    };
    this.#store?.put(port, { about, fds: handovers.flatMap(({ fds }) => fds) });
  }

  /** They are about to be closed. */
  forget(port: string): void {
    this.#store?.drop(port);
  }

  /** The ports that the daemon begins with are there: what is left of others goes. */
  closeRest(): void {
    for (const left of this.#store?.takeRest() ?? []) closeInBackground(left);
  }

  /** The daemon ends in order. */
  close(): void {
    this.#store?.close();
  }
}

/** Null where they are not what is wished; then they are closed. */
function resumed(left: Stored, wish: SocketsWish, arenas: readonly Arena[]): PacketSockets[] | null {
  const sockets: PacketSockets[] = [];
  const perWorker = handoversIn(left, wish, arenas.length) ?? [];
  try {
    for (const [worker, handover] of perWorker.entries()) {
      sockets.push(PacketSockets.resume(wish.ifindex, arenas[worker]!, handover, wish.bypassQdisc));
    }
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    // The netdev was away meanwhile.
    for (const each of sockets) void each.close();
  }
  if (sockets.length === arenas.length) return sockets;
  const own = new Set(sockets.flatMap(({ handover }) => handover.fds));
  closeInBackground({ ...left, fds: left.fds.filter((fd) => !own.has(fd)) });
  return null;
}

/** What each worker gets; null where they are other sockets than those that are wished. */
function handoversIn({ about, fds }: Stored, wish: SocketsWish, arenas: number): PacketHandover[] | null {
  const parsed = aboutSchema.safeParse(about);
  if (!parsed.success) return null;
  const { ifindex, promiscuous, workers } = parsed.data;
  const isWished = ifindex === wish.ifindex && promiscuous === wish.promiscuous && workers.length === arenas;
  const descriptors = workers.reduce((sum, plans) => sum + plans.length + SENDERS, 0);
  if (!isWished || fds.length !== descriptors) return null;
  let at = 0;
  return workers.map((plans) => ({ plans, fds: fds.slice(at, (at += plans.length + SENDERS)) }));
}

/** The kernel waits with each ring. */
function closeInBackground({ fds }: Stored): void {
  for (const fd of fds) void sys.closeWaiting(fd);
}
