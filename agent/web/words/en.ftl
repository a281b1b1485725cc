# The page in English. One message for each sentence; what stands in braces is put in.

## Around every page

to-content = To the content
pages = Pages
page-home = Home
page-agreements = Agreements
page-payments = Payments
page-history = History
page-statement = Account
page-settings = Settings
play-money = { $network }: play money
log-out = Log out
does-not-answer = Kilosat does not answer.
does-not-answer-note = What you see below is old. Is it running?
stop-payments = Stop all payments
stop-payments-note = At once, until you let them go on. What has left already cannot be called back.
stopped = You stopped automatic payments.
stopped-note = Meters are still read, and what is owed is kept.
resume = Let payments go on
new-start = Kilosat starts anew with the new settings.
new-start-note = This takes some seconds. The page comes back by itself.
back = Back
cancel = Cancel
nothing-changed = Nothing was changed.

## Times and numbers

months = Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
span-seconds = { $number } s
span-minutes = { $number } min
span-hours = { $number } h
span-days = { $count ->
    [one] { $number } day
   *[other] { $number } days
}
ago-seconds = { $number } s ago
ago-minutes = { $number } min ago
ago-hours = { $number } h ago
ago-days = { $count ->
    [one] { $number } day ago
   *[other] { $number } days ago
}
of-limit = { $used } of { $limit }

## Payments

state-intent = waiting to be sent
state-sending = being sent
state-in-flight = on its way
state-unknown = unclear, being looked up
state-settled = paid
state-failed = failed, nothing was spent
state-late-settled = paid late
state-cancelled = given up, nothing was sent

## Agreements

agreements = Agreements
agreements-intro = What Kilosat may pay for by itself. Nobody else is ever paid without asking you.
agreements-none = Nothing is paid automatically yet.
agreements-none-note = An agreement says who may be paid for the energy of which meter, at what price, and how much at most.
agreement-new = New agreement
agreement-pays = pays { $payee } { $price } per kWh for the meter { $meter }
agreement-state-good = is paid as agreed
agreement-state-paused = paused by you
agreement-state-held = is not being paid now
agreement-owed = { $owed } owed, paid at { $slice }
agreement-owed-label = Owed until the next payment
agreement-month = { $used } of { $limit } used this month
agreement-month-label = Used of this month's limit
agreement-paused = Paused. What is used stays owed; nothing is paid until you let it go on.
feeds = Data bought
feed-buys = buys from { $seller } every { $every }, for at most { $price } a ticket
agreement-pause = Pause
agreement-go-on = Let it go on
agreement-edit = Change
agreement-remove = Remove
agreement-gone = There is no such agreement any more.
agreement-why = Why it is not paid
agreement-now = Now
agreement-owed-now = Owed
agreement-reserved = Reserved for payments under way
agreement-paid = Paid so far
agreement-energy = Energy billed so far
agreement-limits = Limits
agreement-limits-note = Fees included. Each counts by your clock and for any such time in a row, whichever allows less.
limit-payment = One payment
limit-hour = In an hour
limit-day = In a day
limit-month = In a month
limit-count = Payments in an hour
limit-price = Price of a kilowatt-hour
limit-at-most = at most { $limit }
limit-none = no limit
agreement-terms = Terms
term-payee = Payee
term-payee-key = Only this Lightning node's invoices
term-meter = Meter
term-price = Price
term-price-per-kwh = { $price } per kWh
term-slice = Paid as soon as owed
term-every = And at least every
agreement-history = Its energy and cost over time
agreement-payments = Its last payments
agreement-payments-none = Nothing was paid yet.
agreement-payments-all = All its payments

## The form of an agreement

form-agreement-new = New agreement
form-agreement-edit = Change { $name }
form-name = Name
form-name-note = Lower-case letters, digits, - and _. It cannot be changed later.
form-meter = The meter whose energy is paid for
form-no-meter = There is no meter yet. Add one before you make an agreement.
form-payee = Who is paid
form-payee-note = A Lightning address such as energy@utility.example, or an LNURL. You are shown whom it belongs to before anything is saved.
form-lan = The payee is a device in your own network, at
form-lan-note = Only then, such as http://192.168.1.20:8080. Leave it empty for everybody else.
form-price = Price of a kilowatt-hour, in sat
form-price-note = As your payee charges. 1 sat is a hundred-millionth of a bitcoin.
form-slice = Pay as soon as this much is owed, in sat
form-slice-note = Small amounts keep what you owe small; every payment costs a little fee.
form-limits = Limits, in sat, fees included
form-per-payment = The most in one payment
form-per-day = The most in a day
form-per-month = The most in a month
form-per-month-note = With { $price } sat per kWh, a household that uses 300 kWh a month pays about { $amount } sat.
form-price-max = Never above this price per kWh, in sat
form-price-max-note = While it costs more, nothing is paid. Empty: no such limit.
form-next = Show what changes
form-fault = This does not fit yet:
fault-amount = { $field }: write an amount in sat, such as 500 or 0.25.
fault-name = { $field }: use 1 to 32 lower-case letters, digits, - and _.
fault-name-taken = { $field }: there is something called { $name } already.
fault-payee = { $field }: write a Lightning address such as energy@utility.example.
fault-empty = { $field }: this must not be empty.
fault-order = { $field }: this must not be more than "{ $wider }".

## A change before it is saved

change-title = Before this is saved
change-lines = What changes in kilosat.toml
change-none = Nothing would change.
feed-new = Buy data
feeds-none = No data is bought. Some sellers on the web give prices or forecasts for a few satoshis a page (the way they do it is called L402).
form-url = Address of the page
form-url-note = The page that is bought, as its seller gives it; it has to be JSON.
form-every = Ask again after … seconds
form-every-note = 3600 is an hour. A ticket may be good for many requests, which is up to the seller.
form-points = Values
form-points-note = One in each line: your name for it, =, and where its number stands in the page, step by step. At most 64.
form-ticket-max = The most one ticket may cost
form-ticket-max-note = The network's fee comes on top; the most in one payment has to leave room for it.
fault-point = "{ $line }" is no value: write a name of small letters and digits, =, and a place such as /outside/temperature.
change-seller = Who sells the data
change-seller-asks = The seller asks { $price } for a ticket now.
change-seller-free = The seller gives this page without asking for money.
change-seller-unclear = The seller answers without a price.
change-seller-silent = The seller named no price now: { $fault } You can save this all the same; nothing is paid before it does.
change-payee = Who will be paid
change-payee-answers = { $payee } answers. It says of itself: { $text }
change-payee-range = It takes from { $least } to { $most } in one payment.
change-payee-silent = { $payee } could not be asked now: { $fault } You can save this all the same; nothing is paid before it answers.
change-cost = Saving costs nothing. From then on Kilosat may spend up to { $month } in a month on this, and never more than the limits of the whole house.
change-password = This lets Kilosat spend more or otherwise, so it asks for your password.
change-password-label = Your password
change-new-start = Kilosat starts anew with it, which takes some seconds. Meters count on by themselves, and nothing on its way is lost.
change-save = Save
change-gone = This change is not known any more: it was saved, or is older than half an hour. Begin again.
change-undo = Undo it later under Settings, former versions.

## Payments, one by one

notice = This was not done
as-json = All of this as JSON
payments = Payments
payments-rule = For
payments-standing = State
payments-all = all
payments-open = under way
payments-paid = paid
payments-failed = failed or given up
payments-from = From
payments-to = To
payments-show = Show
payments-show-all = Show all
payments-none = Nothing was paid yet. The first payment follows as soon as an agreement owes enough.
payments-none-such = There is no such payment.
payments-wrong = This search cannot be read. A day is written as 2026-11-29.
payments-older = Older payments
payments-csv = As a file for a spreadsheet (CSV)
payment-none = There is no such payment.
payment-title = Payment { $number }
payment-for = For
payment-state = State
payment-amount = Amount
payment-fee = Fee
payment-when = When
payment-decided = Decided
payment-changed = Last change
payment-wallet = Wallet
payment-attempt = Attempt
payment-story = What happened
payment-story-none = The journal says nothing of it any more.
payment-proof = Proof of payment
payment-proof-note = Only who paid the invoice can know this number. Show it to the payee if there is a dispute.
payment-proof-none = There is none: this was not paid.
payment-preimage = Preimage
payment-hash = Payment hash
payment-payee-key = Invoice written by
payment-invoice = The invoice
step-due = { $amount } were due.
step-asked = You were asked whether { $amount } may be paid.
step-approved = You said yes.
step-declined = You said no.
step-not-answered = The question was not answered in time.
step-refused = It was not paid: { $why }
step-intent = { $amount } were decided, up to { $fee } set aside for the fee, and the invoice handed to the wallet.
step-settled = Paid, with a fee of { $fee }. The proof was checked.
step-failed = It failed, and nothing was spent: { $why }
step-cancelled = It was given up before it was sent: { $why }
step-fee-above-limit = The wallet paid a fee of { $fee }, which is more than it was allowed.
step-unproven = The wallet says it was paid, but its proof is wrong: { $why }
step-stray = It was settled although it had been given up.
step-accepted = You lifted the lock; it counts as paid.
step-written-off = You wrote it off; it counts as failed.
step-other = The journal records: { $event }.
term-seller = Seller
term-fetched = Asked every
term-ticket = A ticket
change-gone-line = goes
change-new-line = new

## Settings

settings-fault = The settings need you.
house = The house
house-name = Name of the house
house-language = Language of the page
house-language-any = What each browser asks for
house-zone = Time zone
house-zone-note = Such as Europe/Berlin; "system" is this machine's own. Limits per hour, day and month follow it.
house-limits = Limits of the whole house, in sat
house-limits-note = Nothing is paid beyond these, whatever agreements allow. Fees are included.
house-ask-above = Ask me before every payment of more than
house-ask-first = Ask me before the first payment to a payee
doors = Who is logged in
doors-this = this browser
doors-since = logged in { $ago }
doors-used = used { $ago }
doors-end = End
tokens = Access for programs
tokens-note = Programs such as Home Assistant reach this Kilosat by its API. Each gets an access token of its own, which may do what you say here and nothing else. No token can raise a limit or change a payee.
tokens-count = { $count ->
    [0] No program has access.
    [one] { $number } program has access.
   *[other] { $number } programs have access.
}
tokens-change = Give a program access, or take it away
tokens-known = Programs with access
tokens-description = Description of the API (OpenAPI)
token-new = New access token
token-made = The new access token
token-made-note = Copy it into the program now: it is shown this once and kept nowhere.
token-name = Name
token-name-note = What you will know it by, such as the name of the program.
token-scopes = What it may do
token-no-scope = Choose at least one thing that it may do.
token-make = Make the token
token-since = since { $moment }
token-revoke = Revoke
scope-read = see
scope-stop = stop
scope-receive = make invoices
scope-pay = resume and approve payments
scope-read-long = See values, payments, agreements and devices: whoever sees them knows when somebody is at home
scope-stop-long = Stop payments, and pause agreements and feeds
scope-receive-long = Make invoices for money to come in
scope-pay-long = Let payments go on after a stop, and approve those that wait for you, within your limits
password-change = Change the password
password-old = The password until now
password-new = The new password
password-again = The new password again
password-note = 10 characters or more, such as three words. Everybody who is logged in has to log in again.
password-changed = The password was changed. Log in with the new one.
file = kilosat.toml
file-note = Everything that is set stands in { $path }, with its comments. What you change here changes that file; what somebody changes in the file is taken up within seconds.
file-edit = See and change the whole file
file-none = This Kilosat was started without a configuration file, so nothing can be changed here.
file-text = The whole file
file-text-note = Every line is explained. You see what changes, and what does not fit, before anything is saved.
versions = Former versions
versions-none = There are none yet. Every change keeps the version before it, the last ten.
versions-note = Bringing one back shows you what changes before it is saved.
version-until = In force until { $moment }
version-restore = Bring back
about = About
about-network = Network
about-uptime = Running for
about-journal = Journal entries
about-certificate = Certificate (SHA-256)
about-licence = Licence
licences = Libraries
licences-note = { $count ->
    [one] Kilosat is free software under the MIT licence or the Apache License 2.0, as you like. { $number } library is in this program; its authors' terms apply to it.
   *[other] Kilosat is free software under the MIT licence or the Apache License 2.0, as you like. { $number } libraries are in this program; their authors' terms apply to them.
}
licences-part = Library
licences-version = Version
about-diagnostics = Save a file for whoever helps you
about-diagnostics-note = Status, settings and the end of the journal: names of payees, amounts and values, but no password, key, recovery word or token. Web addresses are cut behind their host.
about-json = The whole state as JSON

## Backups

backup = Backup
backup-see = Backups
backup-made-ago = The last one was made { $ago }.
backup-failed = There is no new backup.
backup-old = The last backup is older than three days. Look whether its folder is there.
backup-words = Nobody can open a backup without the words, and you have not shown yet that they are written down.
backup-busy = A backup is being made.
backup-look = Look again
backup-last = The last one
backup-made = Made
backup-file = File
backup-size = Size
backup-checked = Checked
backup-opened = It was read back and opened with the words, and every part of it is right.
backup-read-back = It was read back as it was written. It was not opened, because the words are not on this device.
backup-same-disk = It is on the same disk or card as Kilosat and would be lost together with it. Take one along, or set a folder on a stick.
backup-none = There is none yet.
backup-folder = One is made every day in { $folder }. Those of seven days and four weeks are kept.
backup-no-folder = To have one made every day, set a folder under [backup], such as one on a USB stick.
backup-now = Back up now
backup-along = One to take along
backup-along-note = It is made now and saved by your browser, not on this device.
backup-download = Download
backup-too-large = This takes too long for the page. Set a folder under [backup], or enter on the device itself: kilosat backup --to FOLDER
backup-worth = What it is worth
backup-holds = What comes back: savings on the chain, from the words; what was owed, paid and recorded, up to the moment of the backup; the settings. The words open every backup, and nothing else does.
backup-holds-not = What does not: what was paid after that moment, and what is in Lightning channels. The provider at the other end closes them, and the money then stands on the chain, under keys that follow from the words; this version does not collect it by itself. Passwords, access tokens and the credential of a wallet outside Kilosat are in no backup either.
backup-here = Restore one here
backup-here-note = Nothing was paid or received here yet, so a backup can take the place of this device's state: its books come back, its words become those of this device, and payments stay locked until you have compared the wallet. Its settings stand among the former versions (Settings). What was here is kept in a folder beside. Up to 64 MiB; a larger one is restored by the command line.
backup-here-do = Restore
backup-no-file = No file was chosen. Nothing was restored.
backup-unread = The form could not be read: { $why }. Nothing was restored.
backup-restore = On a new card, before Kilosat runs there for the first time, enter as its user:

## Home

button-broken = The stop button does not work, so nothing is paid until it does.
button-pressed = The stop button is pressed, or its wire is broken.
button-pressed-note = Payments stay stopped until it is released and you let them go on.
wallet-unknown = The wallet's balance is not known.
wallet-unknown-now = The wallet's balance is not known now.
wallet-old = What you see of it below is { $span } old.
payments-wait = Payments wait.
payments-wait-note = At every start Kilosat first compares the wallet's history with its own ledger.
locked = Automatic payments are locked.
unlock-label = When you have compared the wallet with this page: your password
unlock = I compared them, unlock
take-over-label = When no other Kilosat runs with this state, nor will: your password
take-over = This is the only one, go on here
questions = Waits for your word
question-refused = You refused to pay { $amount } to { $payee }. What is owed stays owed.
question-after-all = I changed my mind: pay { $amount }
question-may = May { $amount } be paid to { $payee } for { $rule }?
question-why = You are asked because { $why }.
question-note = Asked { $ago }; nothing is paid until you answer, and a fee for the way comes on top, within your limits.
question-yes = Yes, pay { $amount }
question-no = No
now = Now
power-now = Power now
flow-from = Comes from
flow-to = Goes to
flow-grid = Grid
flow-solar = Solar panels
flow-battery = Battery
flow-house = House
flow-car = Car
flow-heating = Heating
flow-unknown = Not known now: { $what }. What the house uses cannot be said until it is.
measures = What it measures
measures-grid = The grid connection of the house
measures-solar = Solar panels
measures-battery = A battery
measures-car = A car charger
measures-heating = Heating
measures-part = Some other part of the house
measures-note = For the picture of your house's power on the start page.
feeding-in = feeding in
today = Today
owed = Owed
on-the-way = { $count ->
    [one] { $number } payment on the way
   *[other] { $number } payments on the way
}
set-aside = { $amount } set aside
nothing-on-the-way = nothing is on its way
spendable = Can be spent
wallet-silent = the wallet has not answered yet
channels-none = no channel yet
channels-ready = { $usable } of { $all } channels ready
agreement-so-far = so far { $energy } billed, { $paid } paid
home-next = The next payment follows when { $missing } more are owed.
no-data = No data yet.
last-payments = Last payments
totals = Since the beginning
total-billed = Energy billed
total-energy = Paid for electricity
total-data = Paid for data
total-fees = Paid for routing
total-received = Received
total-made = Payments made
total-made-data = Of them for data
total-failed = Payments that failed
month-account = The account of a month
running-for = running for { $span }
journal-entries = { $count ->
    [one] { $number } journal entry
   *[other] { $number } journal entries
}

## Devices

page-devices = Devices
devices = Devices
meters-none = No meter is read yet.
meter-state-good = reads well
meter-state-waiting = waits for its first reading
meter-state-doubtful = sends values that cannot be true
meter-state-stale = has not been read for a while
meter-state-missing = does not answer
input-state-active = active
input-state-inactive = at rest
input-state-missing = not read
relay-state-on = on, because { $why }
relay-state-off = off, because { $why }
relay-state-missing = cannot be switched
meter-counter = its counter: { $energy }
meter-age = last good reading { $ago }
meter-reads = { $count ->
    [one] { $number } good reading
   *[other] { $number } good readings
}
meter-faults = { $count ->
    [one] { $number } failure
   *[other] { $number } failures
}
line-load = Its line is taken { $percent } of the time.
line-counts = On the whole line: { $requests } requests, { $unanswered } without an answer, { $damaged } damaged.
meter-profile = read by the profile { $profile }
device-new = Add a device
device-edit = Change { $name }
device-port = Port
device-port-note = Modbus TCP is on 502 with most devices.
device-unit = Unit number
device-unit-note = The number set on the device itself, also called its Modbus address.
device-every = Read every … seconds
device-every-note = 5 is usual; some devices do not like to be asked more often.
device-power-max = The most power that can flow, in watts
device-power-max-note = What the fuses let through: 3 fuses of 25 A are 17250 W. A counter that rises faster cannot be right, and what it adds is not billed.
fault-number = { $field }: please write a number.
device-gone = There is no such device any more.
device-in-use = { $meter } was not removed: the agreement { $agreement } pays for what it counts. Remove that first.
devices-by-hand = Pulse meters, contacts, relays and everything else: in kilosat.toml
search-network = In the network
search-host = Its address
search-host-note = Of the device, or of the gateway its wires lead to. Your router's page lists the addresses.
search-port = Port, if it is not the usual one
search-begin = Look
search-serial = On a serial port
search-serial-port = Port
search-no-ports = No adapter is plugged in.
search-reads-only = Looking only reads. Nothing is ever changed on a device.
search-running = Kilosat is looking.
search-unit = Number { $unit } is asked, { $at } of { $of }.
search-end = Stop looking
search-ended = You stopped the search. Nothing was changed on any device.
search-none = There is no search any more. Begin again.
search-no-host = This is not an address. Write a name or an address such as 192.168.1.50.
search-wrong-port = A port is a number from 1 to 65535.
search-no-port = This port is not plugged in any more.
search-busy = Kilosat reads { $place } already, and two who ask at once take each other's answers.
search-unit-number = Number { $unit } on its line
search-could-be = It could also be: { $others }. Compare the values with its display.
search-not-read = Its values could not be read: { $why }.
by-hand-device = Name a device
by-hand-note = Some devices say nothing of themselves, and on a line that Kilosat reads already nothing is searched for. Then pick the model and say where it is.
by-hand-what = What it is
by-hand-profile = Pick a model
by-hand-sunspec = Any inverter or meter that speaks SunSpec
by-hand-unit = Unit number
by-hand-unit-note = Also called Modbus address or slave ID; it is set on the device, and 1 where nobody changed it.
by-hand-rtu = The gateway passes the bytes of the line on as they are (RTU over TCP)
by-hand-settings = Speed and parity
by-hand-next = Next Kilosat reads it once and shows what it says. Nothing is saved before you have seen that.
by-hand-read = Read it
by-hand-busy = Kilosat reads this line already, so this device was not asked. Its values come with the others once it is added.
by-hand-no-profile = Pick a model.
by-hand-no-unit = A unit number is from 0 to 254.
by-hand-no-settings = Pick speed and parity.
search-compare = Compare these values with its display before you add it.
search-add = Add it
search-done = These are all that answered.
search-again = Look elsewhere

## Wallet

page-wallet = Wallet
wallet = Wallet
wallet-none = no wallet: this build has none
service-node = a Lightning node inside Kilosat
service-phoenixd = phoenixd
service-lnbits = LNbits
service-lnd = LND
service-cln = Core Lightning
service-nwc = Nostr Wallet Connect
wallet-balance = Balance
wallet-receivable = Can be received
wallet-books = Books
wallet-books-note = Kilosat keeps its own ledger and compares it with what the wallet says. If they part, payments stop until you have looked.
wallet-ledger = By the ledger
wallet-suspense = Moved without a payment of ours
wallet-compared = Compared with the wallet
wallet-difference = The wallet's own number differs by
wallet-lightning = On the Lightning network
wallet-channels = Channels ready
wallet-block = Newest block
wallet-node = Public key
wallet-change = Another wallet or provider
receive = Receive
receive-opens-channel = The wallet has no channel yet, so it cannot pay. The first money it receives opens one, and the provider keeps a fee for that, within the limit you set.
receive-amount = Amount in sat
receive-text = What it is for
receive-make = Make an invoice
receive-cost = An invoice costs nothing. Whoever pays it pays the fee for the way.
receive-title = Receive { $amount }
receive-scan = Scan this with the wallet that pays, or copy the text.
receive-code = The invoice as a QR code
receive-open = Open in a wallet on this device
receive-left = It can be paid for another { $span }. This page looks by itself.
receive-done = It was paid. The money is here.
receive-late = Its time is over: it was not paid, and cannot be paid any more.
receive-gone = This invoice is not known any more. If it was paid, the money counts all the same.

## Paying by hand

pay = Pay
pay-note = Pay an invoice or a Lightning address yourself. You see what it costs before anything is paid.
pay-begin = Pay an invoice or an address
pay-what = Invoice or address
pay-what-note = Paste a Lightning invoice (it begins with lnbc), a Lightning address such as alice@example.com, or an LNURL.
pay-amount-note = An invoice says how much by itself; for an address, write it here.
pay-spendable = You can spend { $amount }.
pay-look = See what it costs
pay-next-note = Next you see whom it goes to and what it costs. Nothing is paid before you confirm.
pay-title = Pay { $amount }?
pay-for = For
pay-for-nothing = the payee does not say
pay-left = Can be paid for another
pay-too-much = The wallet says that it can spend { $amount } now, so this will probably fail.
pay-final = What is paid over Lightning cannot be called back.
pay-now = Pay { $amount }
pay-limits = The limits of your house count here too, and so does the stop button. If it fails, nothing is spent and it is not tried again by itself.
by-hand = By hand
step-by-hand = You ordered by hand to pay { $amount }.
step-by-hand-failed = A payment by hand is not tried again by itself.
total-by-hand = Paid by hand

## Savings on the chain

savings = Savings on the chain
savings-short = Bitcoin that you lay by: larger sums that lie still, outside the Lightning network.
savings-more-about = What that is
savings-holds = { $amount } can be spent.
savings-show = Show your savings
savings-about = Savings are bitcoin that you lay by in a wallet on the chain, beside the wallet that pays. Their keys come from the words of this device, and Kilosat spends nothing of them by itself: only you send, with your password. Opening them costs nothing; sending costs a network fee each time, so they are for larger sums that lie still.
savings-open = Open savings on the chain
savings-open-next = Next you see the line of kilosat.toml that changes, and are asked for your password.
savings-words-first = First write down the words of this device and let Kilosat check them: without them, a broken device takes your savings along. Then come back here.
savings-words-unchecked = Nobody has checked yet that the words of this device are written down. Without them, a broken device takes these savings along.
savings-closed = There are no savings on the chain here yet.
savings-no-such = There is no such transaction in these savings. Nothing was changed.
savings-fault = The chain cannot be asked now, so what you see may be old: { $why }.
savings-stale = Nothing is sent now: { $why }.
savings-progress = The chain is being read: { $done } of { $of }.
savings-incoming = Coming in
savings-incoming-note = in no block yet
savings-immature = Not ripe yet
savings-immature-note = mined; to be spent after 100 blocks
savings-reserve = Reserve
savings-reserve-note = part of it, and never sent
savings-history = What happened
savings-history-none = Nothing has come in yet. Press Receive, and send bitcoin to the address that you see there, from any wallet or exchange; a small sum first.
savings-history-note = What was sent includes its fee. What it was worth is by the price of that time.
savings-older = Show older ones as well
savings-what-for = What
savings-opening = Was there already
savings-received = Received
savings-sent = Sent
savings-gone = replaced or dropped, counts no more
savings-waiting = waits for a block
savings-confirmations = { $count ->
    [one] { $number } confirmation
   *[other] { $number } confirmations
}
savings-more = Details and note
savings-txid = Transaction
savings-to = To
savings-in-block = In block
savings-label = Your note
savings-label-note = For your own history; nobody else sees it.
savings-label-save = Keep this note
savings-faster = Make it faster
savings-rate = Fee rate, in sat/vB
savings-rate-note = Empty: what the network asks for now, and more than so far. You see what it costs before anything is sent.
savings-coins = Coins
savings-coins-count = { $count ->
    [one] { $number } coin
   *[other] { $number } coins
}
savings-coin-address = At the address
savings-chain = Where this is known from
savings-source = Answered last
savings-source-none = nobody yet
savings-kind = Addresses
savings-kind-segwit = segwit (bc1q)
savings-kind-taproot = taproot (bc1p)
savings-kind-watch = watched only, the key is elsewhere
savings-look = Ask now
savings-search = Search all addresses
savings-search-note = As after a restore from words: looks for coins at addresses that were never shown here as well. It can take hours where every block is read.
savings-receive = Receive savings
savings-receive-note = Send bitcoin to this address from any wallet or exchange. Whoever knows several of your addresses knows what you have, so each payment gets another one.
savings-receive-code = The address as a QR code
savings-receive-next = What is sent shows under your savings within minutes, and can be spent once a block has it, which takes ten minutes or some hours. This address stays yours, and stays good.
savings-another = Another address
savings-send = Send
savings-send-title = Send savings
savings-address = Bitcoin address of the recipient
savings-address-note = It begins with bc1, 1 or 3. Compare its beginning and its end with what the recipient gave you.
savings-all = Everything that can be spent, less the fee
savings-speed = How fast
savings-speed-note = A faster one costs a higher fee; what others pay changes all the time.
savings-guess = Nobody said what the network asks for now; these are the least that is passed on.
savings-soon = within twenty minutes or so: { $rate }
savings-hour = within an hour or so: { $rate }
savings-day = within a day or so: { $rate }
savings-own = at a fee rate of my own
savings-own-rate = Fee rate of your own, in sat/vB
savings-coins-choose = Choose the coins yourself
savings-coins-note = With none chosen, Kilosat chooses. The largest come first.
savings-coin = { $amount } at { $address }
savings-both = Write an amount or choose everything, not both.
savings-fault-amount = { $field }: write a whole number of sat, such as 50000, or choose everything.
savings-next-note = Next you see whom it goes to and what it costs. Nothing is sent before you confirm.
savings-draft-title = Send { $amount }?
savings-draft-faster = Make it faster?
savings-draft-child = This sends what the waiting transaction brings on to yourself, with a fee that is enough for both. Only the fee leaves your savings.
savings-draft-share = Fee, of the amount
savings-draft-rate = Fee rate
savings-draft-left = Can be spent afterwards
savings-draft-replaces = In place of
savings-draft-gone = This draft is not known any more: it was sent, or Kilosat has started anew. Look at what happened before you begin again.
savings-final = What is sent on the chain cannot be called back.
savings-now = Send { $amount }
savings-now-faster = Pay { $fee } fee
savings-slow = The chain source takes its time. If it is being sent, it stands in the history of your savings; look there before you send anything again.
savings-elsewhere = Sign it where the key is
savings-elsewhere-note = This device holds no key of these savings. Take the transaction to the program or the device that does, as a file, as text or as a picture; sign it there, and bring it back below.
savings-psbt = The transaction to be signed (PSBT)
savings-psbt-file = Save it as a file
savings-psbt-code = The transaction to be signed, as a QR code
savings-signed = Bring back a signed transaction
savings-signed-note = A transaction that was drafted here and signed where the key is. Kilosat compares it with its draft before it sends it.
savings-signed-text = The signed transaction (PSBT, as text)
savings-signed-send = Send it
savings-signed-wrong = This is no transaction (PSBT, as text in base64). Nothing was sent; paste all of it.

## The owner's currency

worth-less = less than { $amount }
rate-note = A bitcoin costs { $price } ({ $ago }; { $sources }).
payment-worth = { $worth } then: a bitcoin cost { $price } ({ $when }; { $sources }).
house-currency = Currency
house-currency-none = none, only sat
house-currency-note = Amounts are shown in it as well. Kilosat then asks up to four public exchanges every ten minutes what a bitcoin costs; they see your address in the internet, that Kilosat asks, and the currency. Nothing is paid by that price.

## Messages to the owner

notify = Messages to you
notify-note = When something needs you (a payment that waits for your word, a lock, a meter that is silent, a login), Kilosat can send a short message to your phone.
notify-url = Address that messages are sent to
notify-url-note = For example a topic of ntfy with a name that nobody guesses, or a webhook of Home Assistant. Whoever runs it reads the messages. Empty sends none.
notify-json = As JSON, for Home Assistant and other programs
notify-try = Send a test message
notify-test = This is a test. Messages of Kilosat arrive here.
notify-sent = The test message was taken. Look at your phone.

## The way to the first payment

setup = Set up your house
setup-done = done
setup-house = Give your house a name, its language and its time zone
setup-wallet = Choose the Lightning wallet that pays
setup-words = Write down the wallet's words
setup-device = Add your meter
setup-agreement = Make the first agreement: who is paid, at what price, and how much at most
setup-money = Put some money into the wallet
service = The wallet that pays
service-note = Give Kilosat a wallet of its own with little money in it. A payment that is still open at one wallet is never paid through another: let open ones end first.
service-inside = Inside Kilosat
service-inside-note = A Lightning node of your own, whose keys never leave this device. Nothing else to install.
service-lsp = The provider (LSP) that opens its channel
service-lsp-note = As it publishes itself for "LSPS2": its public key, @, host, colon and port. Without one, somebody else has to open a channel to you before you can pay.
service-outside = A wallet you run already
service-outside-note = Kilosat tries it before anything is saved, and says what its credential may do. Trying moves no money.
service-url = Its address
service-url-note = http:// only inside the house, because it shows the credential to whoever listens. Not for Nostr Wallet Connect.
service-secret = Its credential
service-secret-note = phoenixd's http-password; an LNbits wallet's admin key; LND's macaroon in hex; Core Lightning's rune; the connection text of Nostr Wallet Connect. It is kept in a file that only Kilosat reads.
service-certificate = Only this certificate (SHA-256), if it made its own
service-certificate-note = As LND and Core Lightning do: openssl x509 -in tls.cert -noout -fingerprint -sha256
service-try = Try it
words = The wallet's words
words-what = These words hold the keys of the wallet inside Kilosat and open its backups. Whoever has them has the money; without them, a broken device takes it along. You need pen and paper, and nobody behind you.
words-show = Show the words
words-write = Write them down in this order, on paper. Do not take a picture.
words-check = Are they written down?
words-number = Word { $number }
words-done = Check
words-wrong = These are not the words that were asked for. Look at your paper, show them once more, and try again.
words-other = Other words
words-other-note = Nothing is under these words yet, so you can still use others: those of a device that you had before, or new ones. Kilosat starts anew with them. Savings under them are found by themselves; what was in Lightning channels of the other device is not.
words-written = The words from your paper, in their order
words-backup = With a backup of that device, its books come back, too:
words-take = Use these words
words-count = How many
words-new = Make new words
words-elsewhere = The wallet that pays is outside Kilosat and has words of its own. These are for savings on the chain, and they open the backups.

## Doors

login = Log in
login-password = Password
login-forgotten = Forgotten? On the machine itself, enter:
session-ended = Your session had ended, so nothing was changed. Log in and press the button again.
claim = Set up
claim-title = This Kilosat is nobody's yet
claim-what = Whoever can read the setup code becomes its owner. It stands in the log of the machine, and holds for half an hour.
claim-code-new = For a new one, on the machine itself, enter:
claim-code = Setup code
claim-password = Your password for this page
claim-password-note = 10 characters or more, such as three words. Write it down: without it, only somebody at the machine itself can set a new one.
claim-again = The password again
claim-make = Make it mine
claim-certificate = Is this really your Kilosat?
claim-certificate-note = Your browser warns of the certificate because the device made it itself. It is the right one if what the browser shows as its SHA-256 fingerprint is what stands in the log of the machine:

## History

days = Mon Tue Wed Thu Fri Sat Sun
days-long = Monday Tuesday Wednesday Thursday Friday Saturday Sunday
months-long = January February March April May June July August September October November December
form-moment = %-d %b %Y, %H:%M
form-day = %A, %-d %B %Y
form-week = Week from %-d %B %Y
form-month = %B %Y
form-year = %Y
form-clock-day = %H:%M
form-clock-week = %a %-d %b %H:%M
form-clock-month = %-d %b %H:%M
form-clock-year = %-d %b %Y
form-mark-day = %H:%M
form-mark-week = %a
form-mark-month = %-d %b
form-mark-year = %b
history-gone = The history is not available.
history-damaged = The history was damaged and began anew on { $moment }.
history-damaged-note = What can be read of the old one is in the file history.db.damaged of the state directory. Payments do not need it: what was owed and paid is kept elsewhere, and nothing of it is lost.
history-none = Nothing has been recorded yet. The first values appear here about a minute after a meter is read for the first time.
history-what = What
history-day = Day
history-week = Week
history-month = Month
history-year = Year
history-how-long = How long
history-earlier-later = Earlier and later
history-table-below = All values stand in the table below.
history-no-values = There are no values of this time.
history-begins = The history begins on { $moment }.
history-alone = Without the comparison
history-compare-day = Compare with the day before
history-compare-week = Compare with the week before
history-compare-month = Compare with the month before
history-compare-year = Compare with the year before
history-in-day = In this day
history-in-week = In this week
history-in-month = In this month
history-in-year = In this year
history-before-day = In the day before
history-before-week = In the week before
history-before-month = In the month before
history-before-year = In the year before
history-mean-before-day = Mean in the day before
history-mean-before-week = Mean in the week before
history-mean-before-month = Mean in the month before
history-mean-before-year = Mean in the year before
history-difference = Difference
history-mean = Mean
history-lowest = Lowest
history-highest = Highest
history-from = From
history-to = To
history-amount = Amount
history-mean-between = { $mean } (from { $low } to { $high })
history-table = All values as a table
history-since = Kept since { $moment }
history-bytes = { $bytes } on the disk; how long is set in kilosat.toml, [history]
point-phase = { $point }, phase { $phase }
subject-grid = { $point } of the grid
subject-pv = { $point } of the solar panels
subject-battery = { $point } of the battery
subject-load = { $point } of the house
subject-other = { $point } of { $subject }
point-cost = Cost
point-price = Price
point-active = Active
point-pressed = Pressed
point-energy-import = Energy drawn
point-energy-export = Energy fed in
point-energy-total = Energy
point-energy-import-t1 = Energy drawn, tariff 1
point-energy-import-t2 = Energy drawn, tariff 2
point-energy-export-t1 = Energy fed in, tariff 1
point-energy-export-t2 = Energy fed in, tariff 2
point-energy-charged = Energy charged
point-energy-discharged = Energy taken out
point-energy-session = Energy of the charging session
point-reactive-energy = Reactive energy
point-power = Power
point-power-import = Power drawn
point-power-export = Power fed in
point-power-charge = Charging power
point-power-discharge = Discharging power
point-apparent-power = Apparent power
point-reactive-power = Reactive power
point-power-factor = Power factor
point-voltage = Voltage
point-current = Current
point-current-sum = Current of all phases
point-frequency = Frequency
point-soc = State of charge
point-temperature = Temperature
point-state = State
point-current-limit = Current limit

## The account of a month

account-of = Account of { $month }
account-months = Months
account-money = Money
account-opening = In the wallets when it began
account-closing = In the wallets when it ended
account-brought = Found in a new wallet
account-received = Received
account-paid = Paid
account-fees-paid = Fees
account-fees-returned = Fees that were lower than booked
account-rounding = Roundings of the wallet
account-suspense = Moved without a payment of ours
account-credited = Credited to agreements
account-reserved = Set aside, less what was set aside before
account-note = By the ledger, in the months of your clock.
account-note-open = By the ledger, in the months of your clock; this one goes on.
account-paid-to = Paid to
account-nothing = Nothing was paid.
account-fees = Fees
account-energy = Energy
account-no-energy = No meter closed an interval.
change-wallet = What trying the wallet showed
search-fuse = Main fuse, in amperes
search-fuse-note = As printed on it, such as 25, 35 or 63. What the fuse cannot let through is no reading, and is never billed.
fault-fuse = { $field }: write the number that stands on the fuse, such as 35.
