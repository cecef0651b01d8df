/** Ports as people read them. */
import type { PortView } from '../control/model.ts';
import type { Cell } from './output.ts';
import { formatVidList } from './values.ts';

const STATE_COLOURS = { up: 'green', down: 'yellow', lost: 'red' } as const;

/** What a port carries, in a few words: `10`, `all`, `10,20 native 5`. */
export function vlansOf(port: PortView): string {
  if (port.mode === 'access') return String(port.vlan);
  const trunks = formatVidList(port.trunks);
  return port.mode === 'trunk' ? trunks : `${trunks} native ${port.vlan}`;
}

export function stateCell(port: PortView): Cell {
  return { text: port.state, colour: STATE_COLOURS[port.state] };
}

/** Where its other side is: a namespace and the name in it, or a netdev. */
export function placeOf(port: PortView): string {
  return port.netns === null ? (port.netdev ?? '-') : `${port.netns}/${port.ifname}`;
}

export function describePort(port: PortView): string {
  const facts = [port.kind, placeOf(port), `${port.mode} ${vlansOf(port)}`, port.mac, ...port.addresses];
  return `${port.name}: ${facts.filter(Boolean).join(', ')}, ${port.state}`;
}

/** Everything of a port, in the order of importance. */
export function portFields(port: PortView): [string, Cell][] {
  const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
  const { rx, tx, drops } = port.stats;
  const dropTexts = Object.entries(drops).map(([reason, frames]) => `${reason} ${frames}`);
  return [
    ['name', port.name],
    ['state', stateCell(port)],
    ['admin', port.admin],
    ['kind', port.kind],
    ['netdev', port.netdev ?? '-'],
    ['namespace', port.netns ?? '-'],
    ['interface', port.ifname ?? '-'],
    ['addresses', port.addresses.join(', ') || '-'],
    ['mac', port.mac ?? '-'],
    ['mtu', String(port.mtu)],
    ['mode', port.mode],
    ['vlans', vlansOf(port)],
    ['learning', yesNo(port.learning)],
    ['flood unknown', yesNo(port.floodUnknown)],
    ['flood multicast', yesNo(port.floodMulticast)],
    ['flood broadcast', yesNo(port.floodBroadcast)],
    ['isolated', yesNo(port.isolated)],
    ['offloads', port.offloads.join(', ') || 'none'],
    ['received', `${rx.frames} frames, ${rx.bytes} bytes, ${rx.superFrames} super-frames, ${rx.drops} lost`],
    ['sent', `${tx.frames} frames, ${tx.bytes} bytes, ${tx.superFrames} super-frames, ${tx.segments} segments`],
    ['drops', dropTexts.join(', ') || 'none'],
  ];
}
