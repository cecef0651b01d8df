/** Whether more or less of a metric is better. */
import type { MetricName } from '../metrics.ts';

const BETTER: Record<MetricName, 'more' | 'less'> = {
  framesPerSecond: 'more',
  lossPercent: 'less',
  ndr: 'more',
  pdr: 'more',
  lossRatio: 'less',
  overloadFps: 'more',
  recoverySeconds: 'less',
  latencyP50Us: 'less',
  latencyP90Us: 'less',
  latencyP99Us: 'less',
  latencyP999Us: 'less',
  latencyMaxUs: 'less',
  cpuNsPerFrame: 'less',
  softirqNsPerFrame: 'less',
  tcpBetter: 'more',
  tcpWorse: 'more',
  tcpSum: 'more',
  udpBps: 'more',
  requestsPerSecond: 'more',
  rttMedianUs: 'less',
  learningFps: 'more',
  addressCapacity: 'more',
  broadcastFps: 'more',
  trunkToAccessFps: 'more',
  meshFps: 'more',
  apiP99Ms: 'less',
  idleCpuPercent2: 'less',
  idleCpuPercent8: 'less',
  rssBytes8: 'less',
  rssBytes64: 'less',
  rssBytes256: 'less',
  nsPerFrame: 'less',
  heapBytesPerFrame: 'less',
  nsPerCall: 'less',
  heapBytesPerCall: 'less',
  nsPerOperation: 'less',
  heapBytesPerOperation: 'less',
};

export function isMoreBetter(metric: MetricName): boolean {
  return BETTER[metric] === 'more';
}
