/** What SIOCETHTOOL takes in ifreq.data (linux/ethtool.h). Every structure starts with the command. */
export const ETHTOOL_GSTRINGS = 0x1b;
export const ETHTOOL_GSSET_INFO = 0x37;
export const ETHTOOL_GFEATURES = 0x3a;
export const ETHTOOL_SFEATURES = 0x3b;
export const ETHTOOL_GCHANNELS = 0x3c;

/** The set of strings that are names of features; a name's place in it is the feature's bit. */
export const ETH_SS_FEATURES = 4;
/** Bytes of one name, zero-padded. */
export const ETH_GSTRING_LEN = 32;

/** struct ethtool_sset_info; `data` starts one 32-bit count for each bit left in the 64-bit `ssetMask`. */
export const ETHTOOL_SSET_INFO = { cmd: 0, reserved: 4, ssetMask: 8, data: 16, size: 16 } as const;

/** struct ethtool_gstrings; `data` starts `len` names. */
export const ETHTOOL_STRINGS = { cmd: 0, stringSet: 4, len: 8, data: 12, size: 12 } as const;

/** struct ethtool_gfeatures; `count` of the blocks that start at `features`, 32 features each. */
export const ETHTOOL_FEATURES_GET = { cmd: 0, count: 4, features: 8, size: 8 } as const;

/** struct ethtool_get_features_block */
export const ETHTOOL_FEATURES_GET_BLOCK = {
  available: 0,
  requested: 4,
  active: 8,
  neverChanged: 12,
  size: 16,
} as const;

/** struct ethtool_sfeatures; `count` of the blocks that start at `features`. */
export const ETHTOOL_FEATURES_SET = { cmd: 0, count: 4, features: 8, size: 8 } as const;

/** struct ethtool_set_features_block: `requested` bits count where `valid` has a bit. */
export const ETHTOOL_FEATURES_SET_BLOCK = { valid: 0, requested: 4, size: 8 } as const;

/** struct ethtool_channels: queues, at most and now; those in `combined` are both of receiving and of sending. */
export const ETHTOOL_CHANNELS = {
  cmd: 0,
  maxRx: 4,
  maxTx: 8,
  maxOther: 12,
  maxCombined: 16,
  rxCount: 20,
  txCount: 24,
  otherCount: 28,
  combinedCount: 32,
  size: 36,
} as const;
