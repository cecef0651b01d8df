/** A switch of memory ports for the storm to be played on. */
import type { Counts, Subject } from '../model/storm.ts';
import type { World } from '../model/worlds.ts';
import { Lan } from './lan.ts';

/** @param lan the switch that the world is played on */
export function memorySwitch({ ports, options }: World, lan = new Lan(ports, options)): Subject {
  return {
    configure: (port, change) => lan.configure(port, change),
    give: (mac, vlan, port, kind) => void lan.give(mac, vlan, port, kind),
    forget: (mac, vlan) => void lan.forget(mac, vlan),
    flush: (filter) => void lan.flush(filter),
    reserved: (n, forward) => lan.reserved(n, forward),
    wait(seconds, sweep) {
      lan.seconds += seconds;
      if (sweep) lan.sweep();
    },
    send(port, frames) {
      for (const { sent } of lan.ports.values()) sent.length = 0;
      for (const frame of frames) lan.port(port).inject(frame, null);
      lan.run();
      return new Map([...lan.ports].map(([name, { sent }]) => [name, [...sent]]));
    },
    entries: () => lan.entries(),
    counts: () => countsOf(lan),
    close() {},
  };
}

function countsOf(lan: Lan): Counts {
  return {
    forwarded: lan.total('FORWARDED'),
    flooded: lan.total('FLOODED'),
    floodCopies: lan.total('FLOOD_COPIES'),
    drops: lan.drops(),
    ports: Object.fromEntries(
      [...lan.ports.keys()].map((name) => [
        name,
        {
          rx: lan.count(name, 'RX_FRAMES'),
          tx: lan.count(name, 'TX_FRAMES'),
          dropped: lan.count(name, 'DROPPED'),
          txDropped: lan.count(name, 'TX_DROPS'),
        },
      ]),
    ),
  };
}
