/** What `tswitch bench` measures: three figures that people ask for, of few subjects. */
import type { Step } from '../plan.ts';
import { parseOptions, type Settings } from '../settings.ts';
import { linuxBridge } from '../system/linux-bridge.ts';
import { frameRate } from '../system/measure/frame-rate.ts';
import { roundTrip } from '../system/measure/round-trip.ts';
import { tcp } from '../system/measure/tcp.ts';
import { ovsNetdev } from '../system/ovs.ts';
import type { Subject } from '../system/subject.ts';
import { tswitch } from '../system/tswitch.ts';
import { vdeSwitch } from '../system/vde.ts';
import type { UserOptions } from './options.ts';

export const FRAMES = { frameBytes: 64, flows: 1 } as const;
export const STREAMS = { streams: 1 } as const;
export const PINGS = { pingsPerSecond: 1000 } as const;

export const USER_PLAN: readonly Step[] = [
  { measurement: frameRate, subjects: null, at: [FRAMES] },
  { measurement: roundTrip, subjects: null, at: [PINGS] },
  { measurement: tcp, subjects: null, at: [STREAMS] },
];

export const PEERS: readonly Subject[] = [linuxBridge, ovsNetdev, vdeSwitch];

export function userSubject({ kind, workers, busyPollMicros }: UserOptions): Subject {
  return tswitch(kind, workers, busyPollMicros);
}

const ROUNDS = 3;

/** iperf3 takes whole seconds only. */
export function settingsOf({ quick, seconds }: UserOptions): Settings {
  return {
    ...parseOptions(['--quick']).settings,
    rounds: quick ? 1 : ROUNDS,
    frameSeconds: seconds,
    pingSeconds: Math.min(seconds, 1) / 2,
    tcpSeconds: Math.max(1, Math.round(seconds)),
  };
}
