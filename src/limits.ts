/** Every maximum of the switch, in one place, with the relations between them asserted when this file loads. */
import assert from 'node:assert/strict';

/** Ports of one switch. A port's handle is an index below this; a VLAN's members are a bit set this wide. */
export const PORTS_MAX = 256;
/** Workers of one switch; a bucket lock of the FDB and a counter row carry a worker's number. */
export const WORKERS_MAX = 16;
/** Frames of one batch: one port's harvest in one turn of the loop. */
export const BATCH_FRAMES_MAX = 256;

/** VIDs 1 to 4094 may be used; 0 is the priority tag and 4095 is reserved (IEEE 802.1Q-2022, table 9-2). */
export const VID_MIN = 1;
export const VID_MAX = 4094;
export const VLANS = 4096;

/** Smallest and largest payload (without Ethernet header and tags) that a port may be set to carry, in bytes. */
export const MTU_MIN = 68;
export const MTU_MAX = 9000;
export const MTU_DEFAULT = 1500;

/** Longest super-frame the kernel hands over: GSO_LEGACY_MAX_SIZE payload plus Ethernet header and two tags. */
export const SUPER_FRAME_BYTES_MAX = 65_536 + 14 + 8;

/** Wire frames that one super-frame may become: 64 KiB in segments of 32 bytes; no sender gets to ask for more work. */
export const SEGMENTS_MAX = 2048;

/** Time that a worker looks for frames before it sleeps, in microseconds, at most; how long it is in fact: busy-poll.ts. */
export const BUSY_POLL_MICROS_DEFAULT = 200;
export const BUSY_POLL_MICROS_MAX = 10_000;

/** Entries the FDB may be set to hold. */
export const FDB_LIMIT_DEFAULT = 65_536;
export const FDB_LIMIT_MAX = 1_048_576;

/** Ageing time, in seconds (IEEE 802.1Q-2022, table 8-6: 10 to 1,000,000; recommended 300). */
export const AGEING_SECONDS_MIN = 10;
export const AGEING_SECONDS_MAX = 1_000_000;
export const AGEING_SECONDS_DEFAULT = 300;

/** Frames per second that may enter by a port to be flooded. More broadcasts than this are no ordinary network's. */
export const BROADCAST_LIMIT_DEFAULT = 10_000;
export const MULTICAST_LIMIT_DEFAULT = 100_000;
export const UNKNOWN_LIMIT_DEFAULT = 100_000;
export const STORM_LIMIT_MAX = 10_000_000;

/** Moves of one address within a second: a failover makes one or two, a loop makes thousands. */
export const MAC_MOVE_LIMIT_DEFAULT = 100;
export const MAC_MOVE_LIMIT_MAX = 1_000_000;
export const MAC_MOVE_HOLD_SECONDS_DEFAULT = 10;
export const MAC_MOVE_HOLD_SECONDS_MAX = 3600;
export const LOOP_HOLD_SECONDS_DEFAULT = 60;
export const LOOP_HOLD_SECONDS_MAX = 86_400;

/** Addresses 01:80:c2:00:00:00 and up that are filtered or not as set; of these, so many are filtered by default. */
export const RESERVED_ADDRESSES = 0x30;
export const RESERVED_FILTERED_DEFAULT = 0x10;

/** Limits of bandwidth: at the least of them a full-size frame takes more than a second. */
export const RATE_BITS_MIN = 8_000;
export const RATE_BITS_MAX = 1_000_000_000_000;
export const BURST_BYTES_MAX = 256 * 1024 * 1024;
/** Of a frame beside its payload: Ethernet header and two tags. */
export const FRAME_OVERHEAD_BYTES = 14 + 8;

/** A netdev name, without the closing zero (IFNAMSIZ - 1, linux/if.h). */
export const NETDEV_NAME_BYTES_MAX = 15;
export const PORT_NAME = /^[A-Za-z0-9._:-]{1,64}$/;

/** Frames of their own that loaded logics send with one batch or tick: how many, how long, and the memory for them. */
export const LOGIC_FRAMES_MAX = 64;
export const LOGIC_FRAME_BYTES_MAX = 1514;
export const LOGIC_SLOT_BYTES = 1536;
export const LOGIC_BUFFER_BYTES = LOGIC_FRAMES_MAX * LOGIC_SLOT_BYTES;
/** Logics loaded at a time, those in shadow included. */
export const LOGICS_MAX = 32;
/** Networks of one switch: every one with members takes a port for its gateway. */
export const NETWORKS_MAX = 256;
/** As Docker's. It has no colon, which parts the names of network and container in the name of a port. */
export const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
/** A label of a host name (RFC 1123, section 2.1): letters, digits and hyphens, 63 at most, none at the ends. */
export const HOST_LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** No wait of a worker is longer, so that terminating one never hangs (a thread inside epoll_wait cannot be ended). */
export const WORKER_WAIT_MS_MAX = 200;

assert(PORTS_MAX % 32 === 0, 'member sets are whole 32-bit words');
assert(MTU_MAX + 14 + 8 <= SUPER_FRAME_BYTES_MAX, 'a jumbo frame with two tags fits where a super-frame does');
