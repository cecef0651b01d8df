/** Capabilities (linux/capability.h) and what prctl(2) does with them (linux/prctl.h). */
export const CAP_CHOWN = 0;
export const CAP_DAC_OVERRIDE = 1;
export const CAP_SETPCAP = 8;
export const CAP_NET_BIND_SERVICE = 10;
export const CAP_NET_ADMIN = 12;
export const CAP_NET_RAW = 13;
export const CAP_IPC_LOCK = 14;
export const CAP_SYS_PTRACE = 19;
export const CAP_SYS_ADMIN = 21;

/** prctl: takes a capability out of the calling thread's bounding set, for ever. */
export const PR_CAPBSET_DROP = 24;
/** prctl: what is executed from now on gains nothing by set-user-ID bits or file capabilities. */
export const PR_SET_NO_NEW_PRIVS = 38;

/** The one version whose sets have 64 bits: two structures of data. */
export const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
/** struct __user_cap_header_struct */
export const CAP_HEADER = { version: 0, pid: 4, size: 8 } as const;
/** struct __user_cap_data_struct */
export const CAP_DATA = { effective: 0, permitted: 4, inheritable: 8, size: 12 } as const;
