/**
 * Why frames are dropped: a closed list. Each reason has a sentence and a counter per port, and the types refuse a reason
 * without its sentence. Numbers are indices into counter rows, so new reasons go to the end.
 */
export const Drop = {
  RUNT: 0,
  OVERSIZE: 1,
  TRUNCATED_TAG: 2,
  SOURCE_NOT_UNICAST: 3,
  RESERVED_ADDRESS: 4,
  VID_RESERVED: 5,
  NOT_A_MEMBER: 6,
  UNTAGGED_ON_TRUNK: 7,
  INGRESS_DOWN: 8,
  HAIRPIN: 9,
  NO_EGRESS: 10,
  ISOLATED: 11,
  EGRESS_NOT_A_MEMBER: 12,
  EGRESS_DOWN: 13,
  INNER_TAG: 14,
  OVER_MTU: 15,
  EGRESS_FULL: 16,
  EGRESS_FAILED: 17,
  BAD_OFFLOAD: 18,
  RING_OVERFLOW: 19,
  LOOP_BLOCKED: 20,
  LOOP_PROBE: 21,
  SOURCE_PINNED: 22,
  CVLAN_NOT_ALLOWED: 23,
  STORM_BROADCAST: 24,
  STORM_MULTICAST: 25,
  STORM_UNKNOWN: 26,
  LOGIC: 27,
  WORKER_FAULT: 28,
} as const;

export type DropName = keyof typeof Drop;
export type DropReason = (typeof Drop)[DropName];

export const DROP_NAMES = Object.keys(Drop).filter((name): name is DropName => name in Drop);
export const DROP_REASONS = DROP_NAMES.length;

export const DROP_SENTENCES: Readonly<Record<string, string>> = {
  RUNT: 'shorter than an Ethernet header',
  OVERSIZE: 'longer than the receive buffer, only its beginning arrived',
  TRUNCATED_TAG: 'announces a VLAN tag but ends before the EtherType behind it',
  SOURCE_NOT_UNICAST: 'the source address is a group address or all zero',
  RESERVED_ADDRESS: 'sent to a reserved address (01:80:c2:00:00:00 to 2f) that is not set to be forwarded',
  VID_RESERVED: 'tagged with VID 4095, which no frame may carry',
  NOT_A_MEMBER: 'tagged with a VID that the ingress port does not carry tagged',
  UNTAGGED_ON_TRUNK: 'untagged or priority-tagged, on a trunk without a native VLAN',
  INGRESS_DOWN: 'arrived on a port that is down',
  HAIRPIN: 'the destination is on the port it came from',
  NO_EGRESS: 'to be flooded, but no other port of its VLAN takes it',
  ISOLATED: 'both its ingress port and the destination port are isolated',
  EGRESS_NOT_A_MEMBER: "the destination's port does not carry the VLAN",
  EGRESS_DOWN: "the destination's port is down or blocked",
  INNER_TAG: 'still carries an inner tag, which an access port does not send',
  OVER_MTU: "longer than the egress port's MTU",
  EGRESS_FULL: "the egress port's queue had no room",
  EGRESS_FAILED: 'the kernel refused to send it',
  BAD_OFFLOAD: 'its offload header does not fit its bytes, so it cannot be finished',
  RING_OVERFLOW: 'arrived faster than it was read: the receive ring was full',
  LOOP_BLOCKED: 'arrived on a port that is blocked because it is part of a loop',
  LOOP_PROBE: 'a probe of this switch that came back: it has done its work',
  SOURCE_PINNED: 'its source address is given (static or sticky) on another port',
  CVLAN_NOT_ALLOWED: "its customer VLAN is none of the tunnel port's cvlans",
  STORM_BROADCAST: "more broadcasts than the ingress port's broadcastLimit",
  STORM_MULTICAST: "more multicasts than the ingress port's multicastLimit",
  STORM_UNKNOWN: "more frames to unknown addresses than the ingress port's unknownLimit",
  LOGIC: 'a loaded logic dropped it, for a reason of its own',
  WORKER_FAULT: 'under way in a worker that failed',
} satisfies Record<DropName, string>;
