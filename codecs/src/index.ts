export * from "./assert.ts";
export * from "./bulk/bulk-packet.ts";
export * from "./bundle/control.ts";
export * from "./bundle/policy.ts";
export * from "./bundle/policy-envelope.ts";
export * from "./bundle/policy-state.ts";
export * from "./cot/cot-detail.ts";
export * from "./cot/cot-event.ts";
export * from "./cot/cot-position.ts";
export * from "./cot/iso-time.ts";
export * from "./cot/tak-datagram.ts";
export * from "./cot/xml-scanner.ts";
export * from "./cot/xml-text.ts";
export * from "./erasure/cauchy-code.ts";
export * from "./erasure/galois-field.ts";
export { FLOW_CONTEXT_OCTETS, FlowCompressor, FlowDecompressor } from "./ip/flow-context.ts";
export {
  encodeUnreachable,
  UNREACHABLE_MAX_OCTETS,
} from "./ip/icmp-unreachable.ts";
export { classifyIp, type IpClass, type IpRule, looksLikeRtp } from "./ip/ip-class.ts";
export { compressIp, decompressIp, IP_RULE_OCTETS } from "./ip/ip-compression.ts";
export {
  createIpHeader,
  decodeIpHeader,
  decrementHopLimit,
  foldChecksum,
  IPV4_HEADER_OCTETS,
  IPV6_HEADER_OCTETS,
  type IpHeader,
  IpProtocol,
  isMulticast,
  sumOctets,
  transportChecksum,
  UDP_HEADER_OCTETS,
} from "./ip/ip-header.ts";
export * from "./ip/ip-prefix.ts";
export * from "./ip/mesh-ip.ts";
export { clampTcpMss } from "./ip/tcp-mss.ts";
export * from "./ivf/ivf.ts";
export * from "./legacy/gnss-fix.ts";
export * from "./legacy/gpsd.ts";
export * from "./legacy/nmea.ts";
export * from "./mesh/area-route.ts";
export * from "./mesh/data-header.ts";
export * from "./mesh/flow-label.ts";
export * from "./mesh/fragment.ts";
export * from "./mesh/frame-kind.ts";
export * from "./mesh/hello.ts";
export * from "./mesh/link-state.ts";
export * from "./mesh/link-vector.ts";
export * from "./mesh/narrow-hello.ts";
export * from "./mesh/narrow-pull.ts";
export * from "./mesh/parity.ts";
export * from "./mesh/path-suspicion.ts";
export * from "./mesh/positions.ts";
export * from "./mesh/pull.ts";
export * from "./mesh/repair.ts";
export * from "./mesh/report.ts";
export * from "./mesh/snapshot.ts";
export * from "./mesh/talk-notice.ts";
export * from "./position/position-report.ts";
export * from "./rtp/rtcp.ts";
export * from "./rtp/rtp.ts";
export * from "./rtp/vp8.ts";
export * from "./rtp/vp8-reassembler.ts";
export * from "./seal/end-to-end.ts";
export * from "./seal/layout.ts";
export * from "./seal/replay-window.ts";
export * from "./sos/sos.ts";
export * from "./text/text-message.ts";
export * from "./text/utf8.ts";
export * from "./voice/codec2-bundle.ts";
export * from "./voice/voice-header.ts";
export * from "./voice/wav.ts";
export * from "./wire/octets.ts";
