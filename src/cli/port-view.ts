/** Ports as people read them. */
import type { PortView } from '../control/model.ts';
import type { Cell } from './output.ts';
import { formatEvent } from './event-line.ts';
import { mirrorWords } from './mirror-options.ts';
import { limitWords } from './rate-options.ts';
import { formatVidList } from './values.ts';

const STATE_COLOURS = { up: 'green', down: 'yellow', lost: 'red' } as const;

/** What a port carries, in a few words: `10`, `all`, `10,20 native 5`, `100 customer 10,20`. */
export function vlansOf(port: PortView): string {
  switch (port.mode) {
    case 'access':
    case 'transparent':
      return String(port.vlan);
    case 'dot1q-tunnel':
      return port.cvlans.length > 0 ? `${port.vlan} customer ${formatVidList(port.cvlans)}` : String(port.vlan);
    case 'trunk':
      return formatVidList(port.trunks);
    case 'native-tagged':
    case 'native-untagged':
      return `${formatVidList(port.trunks)} native ${port.vlan}`;
  }
}

export function stateCell(port: PortView): Cell {
  if (port.blocked) return { text: `${port.state}, blocked`, colour: 'red' };
  return { text: port.state, colour: STATE_COLOURS[port.state] };
}

/** Where its other side is: a namespace and the name in it, or a netdev. */
export function placeOf(port: PortView): string {
  return port.netns === null ? (port.netdev ?? '-') : `${port.netns}/${port.ifname}`;
}

export function describePort(port: PortView): string {
  const facts = [port.kind, placeOf(port), `${port.mode} ${vlansOf(port)}`, port.mac, ...port.addresses];
  return `${port.name}: ${facts.filter(Boolean).join(', ')}, ${port.state}${port.blocked ? ', blocked' : ''}`;
}

function xdpFields({ xdpMode, queues }: PortView): [string, Cell][] {
  if (xdpMode === null) return [];
  return [
    ['xdp mode', xdpMode],
    ['queues', String(queues)],
  ];
}

/** Everything of a port, in the order of importance. */
export function portFields(port: PortView): [string, Cell][] {
  const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
  const perSecond = (limit: number | null): string => (limit === null ? 'none' : `${limit} frames/s`);
  const { rx, tx, mirrored, drops } = port.stats;
  const dropTexts = Object.entries(drops).map(([reason, frames]) => `${reason} ${frames}`);
  return [
    ['name', port.name],
    ['state', stateCell(port)],
    ['blocked', blockCell(port)],
    ['admin', port.admin],
    ['kind', port.kind],
    ['netdev', port.netdev ?? '-'],
    ...xdpFields(port),
    ['namespace', port.netns ?? '-'],
    ['interface', port.ifname ?? '-'],
    ['addresses', port.addresses.join(', ') || '-'],
    ['mac', port.mac ?? '-'],
    ['mtu', String(port.mtu)],
    ['mode', port.mode],
    ['vlans', vlansOf(port)],
    ['tpid', port.tpid],
    ['priority tags', port.priorityTags],
    ['learning', yesNo(port.learning)],
    ['flood unknown', yesNo(port.floodUnknown)],
    ['flood multicast', yesNo(port.floodMulticast)],
    ['flood broadcast', yesNo(port.floodBroadcast)],
    ['isolated', yesNo(port.isolated)],
    ['fdb limit', port.fdbLimit === null ? 'none' : `${port.fdbLimit} addresses`],
    ['broadcast limit', perSecond(port.broadcastLimit)],
    ['multicast limit', perSecond(port.multicastLimit)],
    ['unknown limit', perSecond(port.unknownLimit)],
    ['ingress rate', limitWords(port, 'ingress')],
    ['egress rate', limitWords(port, 'egress')],
    ['offloads', port.offloads.join(', ') || 'none'],
    ['mirror', mirrorWords(port.mirror)],
    ['received', `${rx.frames} frames, ${rx.bytes} bytes, ${rx.superFrames} super-frames, ${rx.drops} lost`],
    ['sent', `${tx.frames} frames, ${tx.bytes} bytes, ${tx.superFrames} super-frames, ${tx.segments} segments`],
    ...(mirrored.frames + mirrored.drops > 0
      ? [
          ['mirrored', `${mirrored.frames} copies, ${mirrored.bytes} bytes, ${mirrored.drops} dropped`] satisfies [
            string,
            Cell,
          ],
        ]
      : []),
    ['drops', dropTexts.join(', ') || 'none'],
    ...protectionLines(port).map((line, index): [string, Cell] => [index === 0 ? 'protection' : '', line]),
  ];
}

function protectionLines({ protection }: PortView): string[] {
  return protection.length > 0 ? protection.map(formatEvent) : ['no events'];
}

function blockCell({ name, blocked }: PortView): Cell {
  if (!blocked) return 'no';
  const loop = blocked.peer === name ? 'a loop is behind it' : `in a loop with ${blocked.peer} outside the switch`;
  const text = `${loop}; since ${blocked.since}, until ${blocked.until}`;
  return { text, colour: 'red' };
}
