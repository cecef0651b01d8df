/**
 * What C calls the things in native-bindings/abi, by file. A constant has the same name there, unless `expressions` says
 * otherwise; a table of offsets is a struct, whose fields are named in snake case behind `prefix`, unless `fields` says
 * otherwise; `size` is its sizeof.
 */
export interface CStruct {
  type: string;
  prefix?: string;
  fields?: Record<string, string>;
  /** C's expressions for what is no field of the struct. */
  expressions?: Record<string, string>;
}

export interface CNames {
  headers: readonly string[];
  expressions?: Record<string, string>;
  structs?: Record<string, CStruct>;
}

const SOCKET_HEADERS = ['sys/socket.h', 'sys/uio.h', 'linux/if_packet.h', 'linux/netlink.h'];

const MSGHDR_FIELDS = {
  name: 'msg_hdr.msg_name',
  namelen: 'msg_hdr.msg_namelen',
  iov: 'msg_hdr.msg_iov',
  iovlen: 'msg_hdr.msg_iovlen',
  control: 'msg_hdr.msg_control',
  controllen: 'msg_hdr.msg_controllen',
  flags: 'msg_hdr.msg_flags',
};

export const C_NAMES: Record<string, CNames> = {
  'bpf.ts': {
    headers: ['sys/syscall.h', 'linux/bpf.h', 'linux/if_link.h'],
    expressions: { SYS_BPF: '__NR_bpf' },
    structs: {
      BPF_INSN: { type: 'struct bpf_insn', expressions: { registers: 'offsetof(struct bpf_insn, off) - 1' } },
      XDP_MD: { type: 'struct xdp_md' },
      BPF_ATTR_MAP_CREATE: {
        type: 'union bpf_attr',
        expressions: { size: 'offsetof(union bpf_attr, max_entries) + sizeof(__u32)' },
      },
      BPF_ATTR_MAP_ELEM: {
        type: 'union bpf_attr',
        fields: { flags: 'flags' },
        expressions: { size: 'offsetof(union bpf_attr, flags) + sizeof(__u64)' },
      },
      BPF_ATTR_PROG_ATTACH: {
        type: 'union bpf_attr',
        expressions: { size: 'offsetof(union bpf_attr, attach_flags) + sizeof(__u32)' },
      },
      BPF_ATTR_PROG_LOAD: {
        type: 'union bpf_attr',
        expressions: { size: 'offsetof(union bpf_attr, expected_attach_type) + sizeof(__u32)' },
      },
      BPF_ATTR_LINK_CREATE: {
        type: 'union bpf_attr',
        prefix: 'link_create.',
        expressions: { size: 'offsetof(union bpf_attr, link_create.flags) + sizeof(__u32)' },
      },
    },
  },
  'capability.ts': {
    headers: ['linux/capability.h', 'linux/prctl.h'],
    expressions: { LINUX_CAPABILITY_VERSION_3: '_LINUX_CAPABILITY_VERSION_3' },
    structs: {
      CAP_HEADER: { type: 'struct __user_cap_header_struct' },
      CAP_DATA: { type: 'struct __user_cap_data_struct' },
    },
  },
  'epoll.ts': { headers: ['sys/epoll.h'], structs: { EPOLL_EVENT: { type: 'struct epoll_event' } } },
  'errno.ts': { headers: ['errno.h'] },
  'ethtool.ts': {
    headers: ['linux/ethtool.h'],
    structs: {
      ETHTOOL_SSET_INFO: { type: 'struct ethtool_sset_info' },
      ETHTOOL_STRINGS: { type: 'struct ethtool_gstrings' },
      ETHTOOL_FEATURES_GET: { type: 'struct ethtool_gfeatures', fields: { count: 'size' } },
      ETHTOOL_FEATURES_GET_BLOCK: { type: 'struct ethtool_get_features_block' },
      ETHTOOL_FEATURES_SET: { type: 'struct ethtool_sfeatures', fields: { count: 'size' } },
      ETHTOOL_CHANNELS: { type: 'struct ethtool_channels' },
      ETHTOOL_FEATURES_SET_BLOCK: { type: 'struct ethtool_set_features_block' },
    },
  },
  'eventfd.ts': { headers: ['sys/eventfd.h'] },
  'fcntl.ts': { headers: ['fcntl.h'] },
  'filter.ts': {
    headers: ['linux/filter.h'],
    expressions: {
      BPF_LD_W_LEN: 'BPF_LD | BPF_W | BPF_LEN',
      BPF_LD_H_ABS: 'BPF_LD | BPF_H | BPF_ABS',
      BPF_LD_W_ABS: 'BPF_LD | BPF_W | BPF_ABS',
      BPF_JEQ_K: 'BPF_JMP | BPF_JEQ | BPF_K',
      BPF_JGT_K: 'BPF_JMP | BPF_JGT | BPF_K',
      BPF_RET_K: 'BPF_RET | BPF_K',
    },
    structs: { SOCK_FILTER: { type: 'struct sock_filter' }, SOCK_FPROG: { type: 'struct sock_fprog' } },
  },
  'if-packet.ts': {
    headers: ['linux/if_ether.h', 'linux/if_packet.h'],
    structs: {
      TPACKET2_HDR: { type: 'struct tpacket2_hdr', prefix: 'tp_' },
      TPACKET_REQ: { type: 'struct tpacket_req', prefix: 'tp_' },
      TPACKET_STATS: { type: 'struct tpacket_stats', prefix: 'tp_' },
      TPACKET_AUXDATA: { type: 'struct tpacket_auxdata', prefix: 'tp_' },
      PACKET_MREQ: { type: 'struct packet_mreq', prefix: 'mr_' },
    },
  },
  'if-tun.ts': { headers: ['sys/ioctl.h', 'linux/if_tun.h'] },
  'in.ts': {
    headers: ['netinet/in.h', 'netinet/tcp.h', 'linux/udp.h'],
    structs: {
      SOCKADDR_IN: { type: 'struct sockaddr_in', prefix: 'sin_' },
    },
  },
  'if-xdp.ts': {
    headers: ['linux/if_xdp.h', 'linux/bpf.h'],
    structs: {
      SOCKADDR_XDP: { type: 'struct sockaddr_xdp', prefix: 'sxdp_' },
      XDP_UMEM_REG_STRUCT: { type: 'struct xdp_umem_reg' },
      XDP_RING_OFFSET: { type: 'struct xdp_ring_offset' },
      XDP_MMAP_OFFSETS_STRUCT: { type: 'struct xdp_mmap_offsets' },
      XDP_DESC: { type: 'struct xdp_desc' },
      XDP_STATISTICS_STRUCT: { type: 'struct xdp_statistics' },
    },
  },
  'ioctl.ts': {
    headers: ['linux/sockios.h', 'linux/if.h'],
    structs: {
      IFREQ: {
        type: 'struct ifreq',
        fields: {
          name: 'ifr_name',
          flags: 'ifr_flags',
          ifindex: 'ifr_ifindex',
          mtu: 'ifr_mtu',
          hwaddr: 'ifr_hwaddr',
          data: 'ifr_data',
        },
      },
    },
  },
  'io-uring.ts': {
    headers: ['sys/syscall.h', 'linux/fs.h', 'linux/io_uring.h'],
    expressions: { SYS_IO_URING_SETUP: '__NR_io_uring_setup', SYS_IO_URING_ENTER: '__NR_io_uring_enter' },
    structs: {
      IO_URING_PARAMS: {
        type: 'struct io_uring_params',
        fields: {
          sqHead: 'sq_off.head',
          sqTail: 'sq_off.tail',
          sqRingMask: 'sq_off.ring_mask',
          sqArray: 'sq_off.array',
          cqHead: 'cq_off.head',
          cqTail: 'cq_off.tail',
          cqRingMask: 'cq_off.ring_mask',
          cqCqes: 'cq_off.cqes',
        },
        // resv2 until Linux 6.5, user_addr since.
        expressions: {
          sqUserAddr: 'offsetof(struct io_uring_params, cq_off) - sizeof(__u64)',
          cqUserAddr: 'sizeof(struct io_uring_params) - sizeof(__u64)',
        },
      },
      IO_URING_SQE: { type: 'struct io_uring_sqe' },
      IO_URING_CQE: { type: 'struct io_uring_cqe' },
    },
  },
  'mman.ts': { headers: ['sys/mman.h'] },
  'netlink.ts': {
    headers: ['linux/netlink.h', 'linux/rtnetlink.h', 'linux/if_link.h', 'linux/net_namespace.h'],
    structs: {
      SOCKADDR_NL: { type: 'struct sockaddr_nl', prefix: 'nl_' },
      NLMSGHDR: { type: 'struct nlmsghdr', prefix: 'nlmsg_' },
      IFINFOMSG: { type: 'struct ifinfomsg', prefix: 'ifi_' },
      RTATTR: { type: 'struct rtattr', prefix: 'rta_' },
    },
  },
  'sched.ts': { headers: ['sched.h', 'sys/ioctl.h', 'linux/nsfs.h', 'linux/magic.h'] },
  'seccomp.ts': {
    headers: ['linux/prctl.h', 'linux/seccomp.h'],
    structs: { SECCOMP_DATA: { type: 'struct seccomp_data' } },
  },
  'pidfd.ts': {
    headers: ['sys/syscall.h'],
    expressions: { SYS_PIDFD_OPEN: '__NR_pidfd_open', SYS_PIDFD_GETFD: '__NR_pidfd_getfd' },
  },
  'socket.ts': {
    headers: SOCKET_HEADERS,
    structs: {
      IOVEC: { type: 'struct iovec', prefix: 'iov_' },
      MSGHDR: { type: 'struct msghdr', prefix: 'msg_' },
      CMSGHDR: { type: 'struct cmsghdr', prefix: 'cmsg_' },
      MMSGHDR: { type: 'struct mmsghdr', fields: { ...MSGHDR_FIELDS, len: 'msg_len' } },
      SOCKADDR_LL: { type: 'struct sockaddr_ll', prefix: 'sll_' },
    },
  },
  'un.ts': { headers: ['sys/un.h'], structs: { SOCKADDR_UN: { type: 'struct sockaddr_un', prefix: 'sun_' } } },
  'time.ts': { headers: ['time.h'], structs: { TIMESPEC: { type: 'struct timespec', prefix: 'tv_' } } },
};

/** C's expression for every number of a table of offsets. */
export function structExpressions(struct: CStruct, table: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.keys(table).map((field) => [field, structExpression(struct, field)]));
}

function structExpression(struct: CStruct, field: string): string {
  const expression = struct.expressions?.[field];
  if (expression !== undefined) return expression;
  if (field === 'size') return `sizeof(${struct.type})`;
  const snakeCase = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const name = struct.fields?.[field] ?? `${struct.prefix ?? ''}${snakeCase}`;
  return `offsetof(${struct.type}, ${name})`;
}
