#!/usr/bin/env bash
# A Slurm cluster of two nodes on one machine for the tests: its own key, socket, ports and folder. Not for real work. Needs no root.
#   find           prints Slurm's version; fails where its programs are missing. On Debian and Ubuntu they come with
#                  apt-get install -y --no-install-recommends munge slurmctld slurmd slurm-client
#   start FOLDER [CPUS]  starts one whose files lie in FOLDER, an empty folder with a short path (a socket lies in it),
#                  with CPUS slots for tasks on each node, by default half of the machine's, and a pretended GPU each;
#                  prints the path of slurm.conf, which the commands of Slurm find by the variable SLURM_CONF
#   stop FOLDER    stops it and all that its jobs started; does nothing where none runs
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

find_programs() {
  local program
  for program in munged mungekey slurmctld slurmd sbatch squeue scontrol scancel sinfo; do
    command -v "$program" >/dev/null || return 1
  done
  slurmctld -V | cut -d ' ' -f 2
}

write_configuration() {
  local folder=$1 cpus=$2 ports port host user first second
  host=$(hostname -s)
  user=$(id -un)
  # three at once, so that they differ
  ports=$(python3 -c '
import socket
free = [socket.socket() for _ in range(3)]
for one in free:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in free))')
  read -r port first second <<<"$ports"
  mkdir -m 755 "$folder/state" "$folder/spool" "$folder/spool/first" "$folder/spool/second" "$folder/log"
  # a GPU must be a device
  ln -s /dev/null "$folder/gpu0"
  ln -s /dev/zero "$folder/gpu1"
  cat >"$folder/slurm.conf" <<CONF
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$user
SlurmdUser=$user
# a requeued job waits until the credential of its first start has expired
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/slurmd-%n
# no cgroups, which a container may not have
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
# tasks go to the node that has least to do
SelectTypeParameters=CR_CPU,CR_LLN
# more slots than the machine has cores, where CPUS says so
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,bf_interval=1
MailProg=/bin/true
ReturnToService=2
KillWait=2
# ended jobs can be asked for this long, however busy the machine is
MinJobAge=3600
GresTypes=gpu
NodeName=first NodeHostname=$host NodeAddr=127.0.0.1 Port=$first CPUs=$cpus Gres=gpu:1 State=UNKNOWN
NodeName=second NodeHostname=$host NodeAddr=127.0.0.1 Port=$second CPUs=$cpus Gres=gpu:1 State=UNKNOWN
PartitionName=tests Nodes=first,second Default=YES MaxTime=INFINITE State=UP
CONF
  printf 'NodeName=%s Name=gpu File=%s\n' first "$folder/gpu0" second "$folder/gpu1" >"$folder/gres.conf"
  # later releases want cgroups of version 2 even so, unless they are switched off
  case $(find_programs) in
    22.* | 23.02*) ;;
    *) echo "CgroupPlugin=disabled" >"$folder/cgroup.conf" ;;
  esac
}

start() {
  local folder cpus log
  folder=$(realpath "$1")
  cpus=${2:-$((($(nproc) + 1) / 2))}
  find_programs >/dev/null
  chmod 755 "$folder" # munged refuses a folder that others can write to
  write_configuration "$folder" "$cpus"
  export SLURM_CONF="$folder/slurm.conf"
  export SIGHTLINE_TEST_SLURM="$folder" # by which stop knows the daemons and their children
  (
    umask 077
    mungekey --create --keyfile="$folder/munge.key"
  )
  munged --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --seed-file="$folder/munge.seed" --log-file="$folder/log/munged" --num-threads=2
  # -c: no state of an earlier run
  slurmctld -c
  slurmd -N first
  slurmd -N second
  for _ in $(seq 100); do
    if [ "$(sinfo --noheader --Node --format %T 2>/dev/null)" = $'idle\nidle' ]; then
      echo "$SLURM_CONF"
      return
    fi
    sleep 0.1
  done
  echo "Slurm did not start within 10 seconds" >&2
  for log in "$folder"/log/*; do tail -n 20 "$log" >&2; done
  stop "$folder"
  return 1
}

# The processes of the cluster in a folder: daemons and what jobs started by their environment, steps, which write over
# theirs, by the folder they work in.
processes() {
  {
    grep --null-data --files-with-matches --line-regexp --fixed-strings "SIGHTLINE_TEST_SLURM=$1" /proc/[0-9]*/environ
    grep --null-data --files-with-matches --line-regexp --fixed-strings "SLURM_CONF=$1/slurm.conf" /proc/[0-9]*/environ |
      xargs --no-run-if-empty grep --null-data --files-with-matches "^SLURM_JOB_ID="
    find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1/log"
  } 2>/dev/null | cut -d / -f 3 | sort -u || true
}

stop() {
  local folder process signal
  folder=$(realpath -m "$1")
  [ -e "$folder/slurm.conf" ] || return 0
  SLURM_CONF="$folder/slurm.conf" timeout 10 scancel --quiet --user "$(id -un)" 2>/dev/null || true
  for signal in TERM KILL; do
    for process in $(processes "$folder"); do kill -s "$signal" "$process" 2>/dev/null || true; done
    for _ in $(seq 30); do
      [ -n "$(processes "$folder")" ] || return 0
      sleep 0.1
    done
  done
  echo "processes of the cluster in $folder are still there: $(processes "$folder" | tr '\n' ' ')" >&2
  return 1
}

case "${1:-}" in
  find) find_programs ;;
  start) start "$2" "${3:-}" ;;
  stop) stop "$2" ;;
  *)
    echo "usage: $0 find | start FOLDER [CPUS] | stop FOLDER" >&2
    exit 2
    ;;
esac
