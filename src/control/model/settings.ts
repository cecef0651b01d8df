/** The switch's settings, and what is seen of the switch itself. */

export interface SwitchSettings {
  ageingSeconds: number;
  fdbLimit: number;
  /**
   * Of the addresses 01:80:c2:00:00:00 to 0f those that are forwarded like any group address (the others are dropped), and
   * of 01:80:c2:00:00:10 to 2f those that are dropped (the others are forwarded).
   */
  reservedAddresses: { forward: string[]; drop: string[] };
  /** Moves of one address between ports within a second after which it is held where it was before; null: never. */
  macMoveLimit: number | null;
  /** How long it is held. */
  macMoveHoldSeconds: number;
  /** Whether signs of a loop make the switch send a probe, and block a port that it returns by. */
  loopProtection: boolean;
  /** How long such a port stays blocked. */
  loopHoldSeconds: number;
  /** How long a worker looks for the next frame before it sleeps, at most, in microseconds. */
  busyPollMicros: number;
}

/** What is left out stays, of the reserved addresses each list by itself. */
export type SwitchPatch = Partial<Omit<SwitchSettings, 'reservedAddresses'>> & {
  reservedAddresses?: Partial<SwitchSettings['reservedAddresses']>;
};

/** How TAPs are read and written: a batch per system call, or a frame. */
export const TAP_IOS = ['io_uring', 'syscalls'] as const;
export type TapIo = (typeof TAP_IOS)[number];

/** Where and how the wish is kept beyond the daemon's end. */
export interface StateView {
  /** Null: it is not kept (`--ephemeral`). */
  file: string | null;
  /** Acknowledged changes, over all lives of the daemon. */
  generation: number;
  /** What is wrong with it, or had to be set aside since the daemon started, a sentence each. */
  problems: string[];
}

export interface SwitchView extends SwitchSettings {
  workers: number;
  ffi: 'koffi' | 'ffi-rs';
  tapIo: TapIo;
  version: string;
  state: StateView;
}
