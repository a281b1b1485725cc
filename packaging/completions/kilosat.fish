# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kilosat_global_optspecs
    string join \n h/help V/version
end

function __fish_kilosat_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kilosat_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kilosat_using_subcommand
    set -l cmd (__fish_kilosat_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kilosat -n "__fish_kilosat_needs_command" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_needs_command" -s V -l version -d 'Print version'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "run" -d 'Run the agent on a configuration file until it is told to stop'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "check" -d 'Check a configuration file: lists every mistake and starts nothing'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "status" -d 'Show what the running agent does'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "stop" -d 'Stop all automatic payments at once; it lasts until resume, also over a restart'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "resume" -d 'Let automatic payments go on after stop'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "unlock" -d 'Lift a lock, after you compared the wallet\'s history with what status shows'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "take-over" -d 'Let this device go on with a state that was used on another one or is an older copy. Payments stay locked'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "approve" -d 'Let a payment be made that waits for your word; status shows its number'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "decline" -d 'Refuse a payment that waits for your word; what is owed stays owed'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "credit" -d 'Say that money which left the wallet without a payment of Kilosat\'s paid for an agreement, such as before a backup of the state was restored'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "write-off" -d 'Give up a payment that its wallet has forgotten for good, so that it no longer counts as being on its way'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "statement" -d 'Show what was received, paid and moved in a month'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "events" -d 'Print what happened, one JSON object a line, oldest first'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "profiles" -d 'List the devices Kilosat can read, or show one of them with what to set on it'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "scan" -d 'Find the devices on a serial port or at an address, show what they say, and print what to write into kilosat.toml; nothing is changed on any device'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "sim" -d 'Be a device: the registers of a profile with a simulated house behind it, to try an installation without hardware'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "read" -d 'Read everything a Modbus device has, now, and show it'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "set" -d 'Change a setting of a Modbus device, such as the current limit of a charger; only what the configuration allows'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "setup-code" -d 'Show a new setup code, with which the page of a Kilosat that is nobody\'s yet becomes yours'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "password" -d 'Set a new password for the page and end all sessions; the password is read from standard input'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "use-words" -d 'Use the words that you wrote down before in place of those of this device, as long as no money is under those; they are read from standard input'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "backup" -d 'Make a backup now, encrypted so that your words open it and nothing else does, and read it back'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "verify" -d 'Look at all of the money database of the running agent: pages, sums, and the chain of the journal'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "restore" -d 'Restore a backup into an empty state directory, where no Kilosat runs. Payments stay locked until you have looked'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "receive" -d 'Make an invoice that puts money into the running agent\'s wallet'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "pay" -d 'Pay a Lightning invoice or address by hand; what it costs is shown first'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "keys" -d 'How the words and the credentials of wallets are kept on this machine. Without a command: how they are kept now'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "treasury" -d 'Your savings on the chain: what there is, addresses, sending. Without a command: what there is'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "channels" -d 'The built-in node\'s channels: what they can send and receive, closing one. Without a command: what there is'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "relay" -d 'Switch a relay by hand, to test the installation; it goes off again after 60 seconds'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "relays-off" -d 'Switch every relay off when no Kilosat runs; systemd does it after every end'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "meter" -d 'Tell Kilosat what a meter shows whose pulses it counts'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "demo" -d 'Show the whole mission in a minute: a simulated house pays real Lightning invoices on a chain in memory'
complete -c kilosat -n "__fish_kilosat_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand run" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand run" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand check" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand check" -l wallet -d 'Also ask the wallet who it is and what its credential may do; no money moves'
complete -c kilosat -n "__fish_kilosat_using_subcommand check" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand status" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand status" -l json -d 'Print everything as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand status" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand stop" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand stop" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand resume" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand resume" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand unlock" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand unlock" -l compared -d 'You have looked, and what the wallet paid is what status shows'
complete -c kilosat -n "__fish_kilosat_using_subcommand unlock" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand take-over" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand take-over" -l only-one -d 'No other Kilosat runs with this state, nor will'
complete -c kilosat -n "__fish_kilosat_using_subcommand take-over" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand approve" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand approve" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand decline" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand decline" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand credit" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand credit" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand write-off" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand write-off" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand statement" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand statement" -l json -d 'Print it as JSON, in msat and mWh'
complete -c kilosat -n "__fish_kilosat_using_subcommand statement" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand events" -l after -d 'Only what came after this number, the "seq" of the last line you have' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand events" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand events" -l follow -d 'Go on printing as things happen'
complete -c kilosat -n "__fish_kilosat_using_subcommand events" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand profiles" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand profiles" -l json -d 'Print the list as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand profiles" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and not __fish_seen_subcommand_from serial tcp help" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and not __fish_seen_subcommand_from serial tcp help" -f -a "serial" -d 'Look on a serial port; without one, list those that are plugged in'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and not __fish_seen_subcommand_from serial tcp help" -f -a "tcp" -d 'Look at a device or a gateway in the network'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and not __fish_seen_subcommand_from serial tcp help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from serial" -l settings -d 'How the line is set, such as "9600 8N1"; without it the usual settings are tried' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from serial" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from serial" -l all -d 'Try every unit number, and on a serial port every speed and parity; it can take a quarter of an hour'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from serial" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from tcp" -l port -d 'Its port; without it the usual ones are tried' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from tcp" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from tcp" -l all -d 'Try every unit number, and on a serial port every speed and parity; it can take a quarter of an hour'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from tcp" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from help" -f -a "serial" -d 'Look on a serial port; without one, list those that are plugged in'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from help" -f -a "tcp" -d 'Look at a device or a gateway in the network'
complete -c kilosat -n "__fish_kilosat_using_subcommand scan; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l profile -d 'What kind of device; `kilosat profiles` lists them' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l unit -d 'Its number' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l port -d 'Modbus TCP on this port of this machine; 0 lets the system choose' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l serial -d 'A serial port; where nothing is yet, one without a wire is made, for as long as this runs' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l settings -d 'How the serial line is set; the profile says it otherwise' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l speed -d 'Seconds of the house in one second' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l counter -d 'What its counter shows at first, in kWh' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l fault -d 'What goes wrong and at which request, such as silent:20 for every 20th; may be given several times. There are silent, late, damaged, short, other-unit, busy, zeros, jump and reset' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -l rtu-over-tcp -d 'The bytes of a serial line over TCP, as a gateway passes them on'
complete -c kilosat -n "__fish_kilosat_using_subcommand sim" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand read" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand read" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand set" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand set" -l release -d 'Let Kilosat no longer renew it'
complete -c kilosat -n "__fish_kilosat_using_subcommand set" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand setup-code" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand setup-code" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand password" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand password" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand use-words" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand use-words" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand backup" -l to -d 'The folder it is put into, such as one on a USB stick; without it, the folder under [backup] in the configuration' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand backup" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand backup" -l json -d 'Print what was made as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand backup" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand verify" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand verify" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand restore" -l state-directory -d 'The state directory to be made: empty, or not there yet' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand restore" -l words-file -d 'A file with your words; without it they are asked for' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand restore" -l json -d 'Print what was restored as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand restore" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand receive" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand receive" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand pay" -l amount -d 'How much, in satoshis; an invoice says so itself' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand pay" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand pay" -l yes -d 'Pay without asking once more'
complete -c kilosat -n "__fish_kilosat_using_subcommand pay" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -l json -d 'Print how they are kept as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -f -a "open" -d 'Open what your passphrase seals; it is read from standard input'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -f -a "protect" -d 'Seal the words and the credentials, or with "nothing" keep them as they are'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -f -a "recover" -d 'Enter the words from your paper where the machine or the passphrase that sealed them is lost'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -f -a "hand-over" -d 'Give Kilosat the keys that this machine can open, before it starts; the service kilosat-keys does'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and not __fish_seen_subcommand_from open protect recover hand-over help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from open" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from protect" -l with -d 'With what; without it, the strongest key that this machine gave. tpm2, otp and host need root' -r -f -a "tpm2\t'This machine\'s TPM 2.0'
otp\t'The key in a Raspberry Pi\'s chip'
host\t'systemd\'s key, on the same card'
passphrase\t'A passphrase, entered after every start'
nothing\t'Nothing: as they are'"
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from protect" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from protect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from recover" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from recover" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from hand-over" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from hand-over" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "open" -d 'Open what your passphrase seals; it is read from standard input'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "protect" -d 'Seal the words and the credentials, or with "nothing" keep them as they are'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "recover" -d 'Enter the words from your paper where the machine or the passphrase that sealed them is lost'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "hand-over" -d 'Give Kilosat the keys that this machine can open, before it starts; the service kilosat-keys does'
complete -c kilosat -n "__fish_kilosat_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -l look -d 'Ask the chain first, instead of showing what is known'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "address" -d 'Show an address to receive at'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "coins" -d 'List the coins'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "send" -d 'Send bitcoin to an address; what it costs is shown first'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "faster" -d 'Make a waiting transaction faster: one of yours by a higher fee, another\'s by spending what it brings'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "give-up" -d 'Give up a transaction of yours that no chain source takes; what it would have spent is free again'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "finish" -d 'Send a transaction that you signed elsewhere'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "search" -d 'Search all addresses for coins, and for what closed channels left, as after a restore'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "collect" -d 'Bring what closed channels left on the chain to the savings, once "search" has found it'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "label" -d 'Write beside a transaction what it was'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "moves" -d 'Show what was moved between savings and spending money, and what is open'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "agree" -d 'Let a move begin that Kilosat asks about'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "undo" -d 'Call a move off, or have what the node holds for it sent back to the savings'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and not __fish_seen_subcommand_from address coins send faster give-up finish search collect label moves agree undo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from address" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from address" -l new -d 'Another one than before, also if nobody has paid to that'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from address" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from address" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from coins" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from coins" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from coins" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -l coin -d 'Spend exactly this coin, as "coins" lists it; may be given several times' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -l rate -d 'The fee rate, in sat/vB; what the network asks for within an hour, if it is left out' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -l label -d 'What it is for, for your own history' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -l psbt -d 'Where the key is elsewhere: write the transaction to be signed into this file instead of printing it' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -l yes -d 'Send without asking once more'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from send" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from faster" -l rate -d 'The fee rate, in sat/vB; what the network asks for within an hour, if it is left out' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from faster" -l label -d 'What it is for, for your own history' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from faster" -l psbt -d 'Where the key is elsewhere: write the transaction to be signed into this file instead of printing it' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from faster" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from faster" -l yes -d 'Send without asking once more'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from faster" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from faster" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from give-up" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from give-up" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from give-up" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from finish" -l label -d 'What it is for, for your own history' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from finish" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from finish" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from finish" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from search" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from search" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from search" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from collect" -l rate -d 'The fee rate, in sat/vB; what the network asks for within an hour, if it is left out' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from collect" -l label -d 'What it is for, for your own history' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from collect" -l psbt -d 'Where the key is elsewhere: write the transaction to be signed into this file instead of printing it' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from collect" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from collect" -l yes -d 'Send without asking once more'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from collect" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from collect" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from label" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from label" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from label" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from moves" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from moves" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from moves" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from agree" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from agree" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from agree" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from undo" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from undo" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from undo" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "address" -d 'Show an address to receive at'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "coins" -d 'List the coins'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "send" -d 'Send bitcoin to an address; what it costs is shown first'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "faster" -d 'Make a waiting transaction faster: one of yours by a higher fee, another\'s by spending what it brings'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "give-up" -d 'Give up a transaction of yours that no chain source takes; what it would have spent is free again'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "finish" -d 'Send a transaction that you signed elsewhere'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "search" -d 'Search all addresses for coins, and for what closed channels left, as after a restore'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "collect" -d 'Bring what closed channels left on the chain to the savings, once "search" has found it'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "label" -d 'Write beside a transaction what it was'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "moves" -d 'Show what was moved between savings and spending money, and what is open'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "agree" -d 'Let a move begin that Kilosat asks about'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "undo" -d 'Call a move off, or have what the node holds for it sent back to the savings'
complete -c kilosat -n "__fish_kilosat_using_subcommand treasury; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and not __fish_seen_subcommand_from close bring-back help" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and not __fish_seen_subcommand_from close bring-back help" -l json -d 'Print it as JSON'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and not __fish_seen_subcommand_from close bring-back help" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and not __fish_seen_subcommand_from close bring-back help" -f -a "close" -d 'Agree with the other side to close a channel; its money comes to the node, beside its channels'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and not __fish_seen_subcommand_from close bring-back help" -f -a "bring-back" -d 'Bring what the node holds beside its channels to the savings'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and not __fish_seen_subcommand_from close bring-back help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from close" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from close" -l yes -d 'Close without asking once more'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from close" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from bring-back" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from bring-back" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from help" -f -a "close" -d 'Agree with the other side to close a channel; its money comes to the node, beside its channels'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from help" -f -a "bring-back" -d 'Bring what the node holds beside its channels to the savings'
complete -c kilosat -n "__fish_kilosat_using_subcommand channels; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand relay" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand relay" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand relays-off" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand relays-off" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand meter; and not __fish_seen_subcommand_from set help" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand meter; and not __fish_seen_subcommand_from set help" -f -a "set" -d 'Set the counter to what the meter\'s display shows; the difference is recorded and not billed'
complete -c kilosat -n "__fish_kilosat_using_subcommand meter; and not __fish_seen_subcommand_from set help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand meter; and __fish_seen_subcommand_from set" -l config -d 'The configuration file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand meter; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand meter; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set the counter to what the meter\'s display shows; the difference is recorded and not billed'
complete -c kilosat -n "__fish_kilosat_using_subcommand meter; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -l for -d 'How long the house lives once the network is up, such as 90s or 5m' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -l speed -d 'Seconds of the house in one second' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -l port -d 'Port of the page; 0 lets the system choose' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -l keep -d 'Keep the state in this folder and continue it next time' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -l bitcoind -d 'Use Bitcoin Core in regtest mode at this address instead of the chain in memory' -r
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -l cookie -d 'Bitcoin Core\'s cookie file' -r -F
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -l json -d 'Print the account as JSON; the story goes to standard error'
complete -c kilosat -n "__fish_kilosat_using_subcommand demo" -s h -l help -d 'Print help'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "run" -d 'Run the agent on a configuration file until it is told to stop'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "check" -d 'Check a configuration file: lists every mistake and starts nothing'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "status" -d 'Show what the running agent does'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "stop" -d 'Stop all automatic payments at once; it lasts until resume, also over a restart'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "resume" -d 'Let automatic payments go on after stop'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "unlock" -d 'Lift a lock, after you compared the wallet\'s history with what status shows'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "take-over" -d 'Let this device go on with a state that was used on another one or is an older copy. Payments stay locked'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "approve" -d 'Let a payment be made that waits for your word; status shows its number'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "decline" -d 'Refuse a payment that waits for your word; what is owed stays owed'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "credit" -d 'Say that money which left the wallet without a payment of Kilosat\'s paid for an agreement, such as before a backup of the state was restored'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "write-off" -d 'Give up a payment that its wallet has forgotten for good, so that it no longer counts as being on its way'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "statement" -d 'Show what was received, paid and moved in a month'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "events" -d 'Print what happened, one JSON object a line, oldest first'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "profiles" -d 'List the devices Kilosat can read, or show one of them with what to set on it'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "scan" -d 'Find the devices on a serial port or at an address, show what they say, and print what to write into kilosat.toml; nothing is changed on any device'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "sim" -d 'Be a device: the registers of a profile with a simulated house behind it, to try an installation without hardware'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "read" -d 'Read everything a Modbus device has, now, and show it'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "set" -d 'Change a setting of a Modbus device, such as the current limit of a charger; only what the configuration allows'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "setup-code" -d 'Show a new setup code, with which the page of a Kilosat that is nobody\'s yet becomes yours'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "password" -d 'Set a new password for the page and end all sessions; the password is read from standard input'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "use-words" -d 'Use the words that you wrote down before in place of those of this device, as long as no money is under those; they are read from standard input'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "backup" -d 'Make a backup now, encrypted so that your words open it and nothing else does, and read it back'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "verify" -d 'Look at all of the money database of the running agent: pages, sums, and the chain of the journal'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "restore" -d 'Restore a backup into an empty state directory, where no Kilosat runs. Payments stay locked until you have looked'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "receive" -d 'Make an invoice that puts money into the running agent\'s wallet'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "pay" -d 'Pay a Lightning invoice or address by hand; what it costs is shown first'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "keys" -d 'How the words and the credentials of wallets are kept on this machine. Without a command: how they are kept now'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "treasury" -d 'Your savings on the chain: what there is, addresses, sending. Without a command: what there is'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "channels" -d 'The built-in node\'s channels: what they can send and receive, closing one. Without a command: what there is'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "relay" -d 'Switch a relay by hand, to test the installation; it goes off again after 60 seconds'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "relays-off" -d 'Switch every relay off when no Kilosat runs; systemd does it after every end'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "meter" -d 'Tell Kilosat what a meter shows whose pulses it counts'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "demo" -d 'Show the whole mission in a minute: a simulated house pays real Lightning invoices on a chain in memory'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and not __fish_seen_subcommand_from run check status stop resume unlock take-over approve decline credit write-off statement events profiles scan sim read set setup-code password use-words backup verify restore receive pay keys treasury channels relay relays-off meter demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from scan" -f -a "serial" -d 'Look on a serial port; without one, list those that are plugged in'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from scan" -f -a "tcp" -d 'Look at a device or a gateway in the network'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "open" -d 'Open what your passphrase seals; it is read from standard input'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "protect" -d 'Seal the words and the credentials, or with "nothing" keep them as they are'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "recover" -d 'Enter the words from your paper where the machine or the passphrase that sealed them is lost'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "hand-over" -d 'Give Kilosat the keys that this machine can open, before it starts; the service kilosat-keys does'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "address" -d 'Show an address to receive at'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "coins" -d 'List the coins'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "send" -d 'Send bitcoin to an address; what it costs is shown first'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "faster" -d 'Make a waiting transaction faster: one of yours by a higher fee, another\'s by spending what it brings'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "give-up" -d 'Give up a transaction of yours that no chain source takes; what it would have spent is free again'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "finish" -d 'Send a transaction that you signed elsewhere'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "search" -d 'Search all addresses for coins, and for what closed channels left, as after a restore'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "collect" -d 'Bring what closed channels left on the chain to the savings, once "search" has found it'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "label" -d 'Write beside a transaction what it was'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "moves" -d 'Show what was moved between savings and spending money, and what is open'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "agree" -d 'Let a move begin that Kilosat asks about'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from treasury" -f -a "undo" -d 'Call a move off, or have what the node holds for it sent back to the savings'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from channels" -f -a "close" -d 'Agree with the other side to close a channel; its money comes to the node, beside its channels'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from channels" -f -a "bring-back" -d 'Bring what the node holds beside its channels to the savings'
complete -c kilosat -n "__fish_kilosat_using_subcommand help; and __fish_seen_subcommand_from meter" -f -a "set" -d 'Set the counter to what the meter\'s display shows; the difference is recorded and not billed'
