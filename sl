2026/11/29 08:36:31| Current Directory is /work/main
2026/11/29 08:36:31| Starting Squid Cache version 5.7 for x86_64-pc-linux-gnu...
2026/11/29 08:36:31| Service Name: pxa
2026/11/29 08:36:31| Process ID 1218
2026/11/29 08:36:31| Process Roles: master worker
2026/11/29 08:36:31| With 20000 file descriptors available
2026/11/29 08:36:31| Initializing IP Cache...
2026/11/29 08:36:31| parseEtcHosts: '/tmp/px/hosts' : (2) No such file or directory
2026/11/29 08:36:31| DNS Socket created at [::], FD 8
2026/11/29 08:36:31| DNS Socket created at 0.0.0.0, FD 9
2026/11/29 08:36:31| Adding nameserver 127.0.0.1 from squid.conf
2026/11/29 08:36:31| Logfile: opening log stdio:/tmp/px/access.log
2026/11/29 08:36:31| Local cache digest enabled; rebuild/rewrite every 3600/3600 sec
2026/11/29 08:36:31| Store logging disabled
2026/11/29 08:36:31| Swap maxSize 0 + 262144 KB, estimated 20164 objects
2026/11/29 08:36:31| Target number of buckets: 1008
2026/11/29 08:36:31| Using 8192 Store buckets
2026/11/29 08:36:31| Max Mem  size: 262144 KB
2026/11/29 08:36:31| Max Swap size: 0 KB
2026/11/29 08:36:31| Using Least Load store dir selection
2026/11/29 08:36:31| Current Directory is /work/main
2026/11/29 08:36:31| Finished loading MIME types and icons.
2026/11/29 08:36:31| HTCP Disabled.
2026/11/29 08:36:31| Squid plugin modules loaded: 0
2026/11/29 08:36:31| Adaptation support is off.
2026/11/29 08:36:31| Accepting HTTP Socket connections at conn3 local=127.0.0.1:5372 remote=[::] FD 12 flags=9
2026/11/29 08:36:32| storeLateRelease: released 0 objects
2026/11/29 08:36:48| Preparing for shutdown after 3 requests
2026/11/29 08:36:48| Waiting 0 seconds for active connections to finish
2026/11/29 08:36:48| Closing HTTP(S) port 127.0.0.1:5372
2026/11/29 08:36:49| Shutdown: NTLM authentication.
2026/11/29 08:36:49| Shutdown: Negotiate authentication.
2026/11/29 08:36:49| Shutdown: Digest authentication.
2026/11/29 08:36:49| Shutdown: Basic authentication.
2026/11/29 08:36:49| Shutting down...
2026/11/29 08:36:49| storeDirWriteCleanLogs: Starting...
2026/11/29 08:36:49|   Finished.  Wrote 0 entries.
2026/11/29 08:36:49|   Took 0.00 seconds (  0.00 entries/sec).
2026/11/29 08:36:49| Logfile: closing log stdio:/tmp/px/access.log
2026/11/29 08:36:49| Open FD UNSTARTED     0 stdin
2026/11/29 08:36:49| Open FD UNSTARTED     1 stdout
2026/11/29 08:36:49| Open FD UNSTARTED     2 stderr
2026/11/29 08:36:49| Squid Cache (Version 5.7): Exiting normally.
