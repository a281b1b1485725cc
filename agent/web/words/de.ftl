# The page in German. The same messages as in en.ftl, with the same things put in.

## Around every page

to-content = Zum Inhalt
pages = Seiten
page-home = Start
page-agreements = Vereinbarungen
page-payments = Zahlungen
page-history = Verlauf
page-statement = Abrechnung
page-settings = Einstellungen
play-money = { $network }: Spielgeld
log-out = Abmelden
does-not-answer = Kilosat antwortet nicht.
does-not-answer-note = Was Sie unten sehen, ist alt. Läuft es?
stop-payments = Alle Zahlungen anhalten
stop-payments-note = Sofort, bis Sie sie weitergehen lassen. Was schon unterwegs ist, lässt sich nicht zurückholen.
stopped = Sie haben die automatischen Zahlungen angehalten.
stopped-note = Zähler werden weiter gelesen, und was geschuldet ist, bleibt vermerkt.
resume = Zahlungen weitergehen lassen
new-start = Kilosat startet mit den neuen Einstellungen neu.
new-start-note = Das dauert einige Sekunden. Die Seite kommt von selbst wieder.
back = Zurück
cancel = Abbrechen
nothing-changed = Es wurde nichts geändert.

## Times and numbers

months = Jan. Feb. März April Mai Juni Juli Aug. Sept. Okt. Nov. Dez.
span-seconds = { $number } s
span-minutes = { $number } min
span-hours = { $number } h
span-days = { $count ->
    [one] { $number } Tag
   *[other] { $number } Tage
}
ago-seconds = vor { $number } s
ago-minutes = vor { $number } min
ago-hours = vor { $number } h
ago-days = { $count ->
    [one] vor { $number } Tag
   *[other] vor { $number } Tagen
}
of-limit = { $used } von { $limit }

## Payments

state-intent = wartet darauf, gesendet zu werden
state-sending = wird gesendet
state-in-flight = unterwegs
state-unknown = unklar, wird nachgeschlagen
state-settled = bezahlt
state-failed = fehlgeschlagen, nichts wurde ausgegeben
state-late-settled = verspätet bezahlt
state-cancelled = aufgegeben, nichts wurde gesendet

## Agreements

agreements = Vereinbarungen
agreements-intro = Was Kilosat von selbst bezahlen darf. Sonst wird niemand bezahlt, ohne dass Sie gefragt werden.
agreements-none = Noch wird nichts automatisch bezahlt.
agreements-none-note = Eine Vereinbarung sagt, wer für die Energie welches Zählers bezahlt werden darf, zu welchem Preis und wie viel höchstens.
agreement-new = Neue Vereinbarung
agreement-pays = zahlt { $payee } { $price } je kWh für den Zähler { $meter }
agreement-state-good = wird wie vereinbart bezahlt
agreement-state-paused = von Ihnen ausgesetzt
agreement-state-held = wird gerade nicht bezahlt
agreement-owed = { $owed } geschuldet, bezahlt ab { $slice }
agreement-owed-label = Geschuldet bis zur nächsten Zahlung
agreement-month = { $used } von { $limit } in diesem Monat verbraucht
agreement-month-label = Von der Grenze dieses Monats verbraucht
agreement-paused = Ausgesetzt. Was verbraucht wird, bleibt geschuldet; bezahlt wird nichts, bis Sie es weitergehen lassen.
feeds = Gekaufte Daten
feed-buys = kauft von { $seller }, im Abstand von { $every }, für höchstens { $price } je Ticket
agreement-pause = Aussetzen
agreement-go-on = Weitergehen lassen
agreement-edit = Ändern
agreement-remove = Entfernen
agreement-gone = Diese Vereinbarung gibt es nicht mehr.
agreement-why = Warum nicht bezahlt wird
agreement-now = Jetzt
agreement-owed-now = Geschuldet
agreement-reserved = Zurückgelegt für laufende Zahlungen
agreement-paid = Bisher bezahlt
agreement-energy = Bisher abgerechnete Energie
agreement-limits = Grenzen
agreement-limits-note = Gebühren eingeschlossen. Jede gilt nach Ihrer Uhr und für jede solche Zeit am Stück; es zählt, was weniger erlaubt.
limit-payment = Eine Zahlung
limit-hour = In einer Stunde
limit-day = An einem Tag
limit-month = In einem Monat
limit-count = Zahlungen in einer Stunde
limit-price = Preis einer Kilowattstunde
limit-at-most = höchstens { $limit }
limit-none = keine Grenze
agreement-terms = Bedingungen
term-payee = Empfänger
term-payee-key = Nur Rechnungen dieses Lightning-Knotens
term-meter = Zähler
term-price = Preis
term-price-per-kwh = { $price } je kWh
term-slice = Bezahlt, sobald geschuldet
term-every = Längster Abstand
agreement-history = Energie und Kosten im Verlauf
agreement-payments = Die letzten Zahlungen
agreement-payments-none = Es wurde noch nichts bezahlt.
agreement-payments-all = Alle Zahlungen dazu

## The form of an agreement

form-agreement-new = Neue Vereinbarung
form-agreement-edit = { $name } ändern
form-name = Name
form-name-note = Kleinbuchstaben, Ziffern, - und _. Er lässt sich später nicht ändern.
form-meter = Der Zähler, dessen Energie bezahlt wird
form-no-meter = Es gibt noch keinen Zähler. Fügen Sie einen hinzu, bevor Sie eine Vereinbarung treffen.
form-payee = Wer bezahlt wird
form-payee-note = Eine Lightning-Adresse wie strom@versorger.example oder eine LNURL. Sie sehen, wem sie gehört, bevor etwas gespeichert wird.
form-lan = Der Empfänger ist ein Gerät in Ihrem eigenen Netz, unter
form-lan-note = Nur dann, etwa http://192.168.1.20:8080. Für alle anderen leer lassen.
form-price = Preis einer Kilowattstunde, in sat
form-price-note = Wie Ihr Empfänger ihn verlangt. 1 sat ist ein Hundertmillionstel Bitcoin.
form-slice = Bezahlen, sobald so viel geschuldet ist, in sat
form-slice-note = Kleine Beträge halten die Schuld klein; jede Zahlung kostet eine kleine Gebühr.
form-limits = Grenzen in sat, Gebühren eingeschlossen
form-per-payment = Höchstens in einer Zahlung
form-per-day = Höchstens an einem Tag
form-per-month = Höchstens in einem Monat
form-per-month-note = Bei { $price } sat je kWh zahlt ein Haushalt mit 300 kWh im Monat etwa { $amount } sat.
form-price-max = Nie über diesem Preis je kWh, in sat
form-price-max-note = Solange sie mehr kostet, wird nichts bezahlt. Leer: keine solche Grenze.
form-next = Zeigen, was sich ändert
form-fault = Das passt noch nicht:
fault-amount = { $field }: einen Betrag in sat schreiben, etwa 500 oder 0,25.
fault-name = { $field }: 1 bis 32 Kleinbuchstaben, Ziffern, - und _ verwenden.
fault-name-taken = { $field }: es gibt schon etwas, das { $name } heißt.
fault-payee = { $field }: eine Lightning-Adresse schreiben, etwa strom@versorger.example.
fault-empty = { $field }: das darf nicht leer sein.
fault-order = { $field }: das darf nicht mehr sein als „{ $wider }“.

## A change before it is saved

change-title = Bevor das gespeichert wird
change-lines = Was sich in kilosat.toml ändert
change-none = Es würde sich nichts ändern.
feed-new = Daten kaufen
feeds-none = Es werden keine Daten gekauft. Manche Anbieter im Netz geben Preise oder Vorhersagen für ein paar Satoshi je Seite (das Verfahren heißt L402).
form-url = Adresse der Seite
form-url-note = Die Seite, die gekauft wird, wie ihr Anbieter sie nennt; sie muss JSON sein.
form-every = Nach … Sekunden wieder fragen
form-every-note = 3600 ist eine Stunde. Ein Ticket kann für viele Abfragen gelten, das entscheidet der Anbieter.
form-points = Werte
form-points-note = Einer in jeder Zeile: Ihr Name dafür, =, und wo seine Zahl auf der Seite steht, Schritt für Schritt. Höchstens 64.
form-ticket-max = Höchstpreis eines Tickets
form-ticket-max-note = Die Netzwerkgebühr kommt dazu; die Grenze für eine Zahlung muss dafür Platz lassen.
fault-point = „{ $line }“ ist kein Wert: Schreiben Sie einen Namen aus kleinen Buchstaben und Ziffern, =, und eine Stelle wie /outside/temperature.
change-seller = Wer die Daten verkauft
change-seller-asks = Der Anbieter verlangt jetzt { $price } für ein Ticket.
change-seller-free = Der Anbieter gibt diese Seite, ohne Geld zu verlangen.
change-seller-unclear = Der Anbieter antwortet ohne einen Preis.
change-seller-silent = Der Anbieter hat gerade keinen Preis genannt: { $fault } Sie können trotzdem speichern; bezahlt wird nichts, bevor er einen nennt.
change-payee = Wer bezahlt wird
change-payee-answers = { $payee } antwortet. Es sagt von sich selbst: { $text }
change-payee-range = In einer Zahlung nimmt es von { $least } bis { $most }.
change-payee-silent = { $payee } ließ sich gerade nicht fragen: { $fault } Sie können trotzdem speichern; bezahlt wird nichts, bevor es antwortet.
change-cost = Speichern kostet nichts. Danach darf Kilosat hierfür bis zu { $month } im Monat ausgeben, und nie mehr als die Grenzen des ganzen Hauses.
change-password = Damit darf Kilosat mehr oder anders ausgeben, deshalb fragt es nach Ihrem Passwort.
change-password-label = Ihr Passwort
change-new-start = Kilosat startet damit neu, was einige Sekunden dauert. Zähler zählen von selbst weiter, und nichts Laufendes geht verloren.
change-save = Speichern
change-gone = Diese Änderung ist nicht mehr bekannt: Sie wurde gespeichert oder ist älter als eine halbe Stunde. Beginnen Sie noch einmal.
change-undo = Rückgängig machen Sie es später unter Einstellungen, frühere Fassungen.

## Payments, one by one

notice = Das wurde nicht getan
as-json = All das als JSON
payments = Zahlungen
payments-rule = Wofür
payments-standing = Stand
payments-all = alle
payments-open = unterwegs
payments-paid = bezahlt
payments-failed = fehlgeschlagen oder aufgegeben
payments-from = Von
payments-to = Bis
payments-show = Zeigen
payments-show-all = Alle zeigen
payments-none = Es wurde noch nichts bezahlt. Die erste Zahlung folgt, sobald eine Vereinbarung genug schuldet.
payments-none-such = Eine solche Zahlung gibt es nicht.
payments-wrong = Diese Suche lässt sich nicht lesen. Ein Tag wird als 2026-11-29 geschrieben.
payments-older = Ältere Zahlungen
payments-csv = Als Datei für eine Tabelle (CSV)
payment-none = Diese Zahlung gibt es nicht.
payment-title = Zahlung { $number }
payment-for = Wofür
payment-state = Stand
payment-amount = Betrag
payment-fee = Gebühr
payment-when = Wann
payment-decided = Entschieden
payment-changed = Letzte Änderung
payment-wallet = Wallet
payment-attempt = Versuch
payment-story = Was geschah
payment-story-none = Das Journal sagt nichts mehr darüber.
payment-proof = Zahlungsnachweis
payment-proof-note = Nur wer die Rechnung bezahlt hat, kann diese Zahl kennen. Zeigen Sie sie dem Empfänger, wenn es Streit gibt.
payment-proof-none = Es gibt keinen: Das wurde nicht bezahlt.
payment-preimage = Preimage
payment-hash = Zahlungs-Hash
payment-payee-key = Rechnung geschrieben von
payment-invoice = Die Rechnung
step-due = { $amount } waren fällig.
step-asked = Sie wurden gefragt, ob { $amount } bezahlt werden dürfen.
step-approved = Sie sagten ja.
step-declined = Sie sagten nein.
step-not-answered = Die Frage wurde nicht rechtzeitig beantwortet.
step-refused = Es wurde nicht bezahlt: { $why }
step-intent = { $amount } wurden beschlossen, bis zu { $fee } für die Gebühr zurückgelegt und die Rechnung der Wallet übergeben.
step-settled = Bezahlt, mit { $fee } Gebühr. Der Nachweis wurde geprüft.
step-failed = Es schlug fehl, und nichts wurde ausgegeben: { $why }
step-cancelled = Es wurde aufgegeben, bevor es gesendet war: { $why }
step-fee-above-limit = Die Wallet zahlte { $fee } Gebühr, mehr als ihr erlaubt war.
step-unproven = Die Wallet sagt, es sei bezahlt, aber ihr Nachweis ist falsch: { $why }
step-stray = Es wurde beglichen, obwohl es aufgegeben war.
step-accepted = Sie haben die Sperre aufgehoben; es zählt als bezahlt.
step-written-off = Sie haben es abgeschrieben; es zählt als fehlgeschlagen.
step-other = Das Journal vermerkt: { $event }.
term-seller = Verkäufer
term-fetched = Abstand der Fragen
term-ticket = Ein Ticket
change-gone-line = entfällt
change-new-line = neu

## Settings

settings-fault = Die Einstellungen brauchen Sie.
house = Das Haus
house-name = Name des Hauses
house-language = Sprache der Seite
house-language-any = Was jeder Browser verlangt
house-zone = Zeitzone
house-zone-note = Etwa Europe/Berlin; „system“ ist die dieses Geräts. Grenzen je Stunde, Tag und Monat richten sich danach.
house-limits = Grenzen des ganzen Hauses, in sat
house-limits-note = Darüber hinaus wird nichts bezahlt, was immer Vereinbarungen erlauben. Gebühren sind eingeschlossen.
house-ask-above = Mich fragen vor jeder Zahlung von mehr als
house-ask-first = Mich fragen vor der ersten Zahlung an einen Empfänger
doors = Wer angemeldet ist
doors-this = dieser Browser
doors-since = angemeldet { $ago }
doors-used = benutzt { $ago }
doors-end = Beenden
tokens = Zugang für Programme
tokens-note = Programme wie Home Assistant erreichen dieses Kilosat über seine Schnittstelle (API). Jedes bekommt einen eigenen Zugangsschlüssel, der darf, was Sie hier sagen, und sonst nichts. Kein Schlüssel kann eine Grenze anheben oder einen Empfänger ändern.
tokens-count = { $count ->
    [0] Kein Programm hat Zugang.
    [one] { $number } Programm hat Zugang.
   *[other] { $number } Programme haben Zugang.
}
tokens-change = Einem Programm Zugang geben oder nehmen
tokens-known = Programme mit Zugang
tokens-description = Beschreibung der API (OpenAPI)
token-new = Neuer Zugangsschlüssel
token-made = Der neue Zugangsschlüssel
token-made-note = Übertragen Sie ihn jetzt in das Programm: Er wird nur dieses eine Mal gezeigt und nirgends aufgehoben.
token-name = Name
token-name-note = Woran Sie ihn wiedererkennen, zum Beispiel der Name des Programms.
token-scopes = Was er darf
token-no-scope = Wählen Sie mindestens eines, das er darf.
token-make = Schlüssel anlegen
token-since = seit { $moment }
token-revoke = Entziehen
scope-read = sehen
scope-stop = anhalten
scope-receive = Rechnungen stellen
scope-pay = Zahlungen fortsetzen und freigeben
scope-read-long = Werte, Zahlungen, Vereinbarungen und Geräte sehen: Wer sie sieht, weiß, wann jemand zu Hause ist
scope-stop-long = Zahlungen anhalten, Vereinbarungen und Datenbezüge aussetzen
scope-receive-long = Rechnungen stellen, über die Geld hereinkommt
scope-pay-long = Zahlungen nach einem Halt weitergehen lassen und wartende freigeben, innerhalb Ihrer Grenzen
password-change = Passwort ändern
password-old = Das bisherige Passwort
password-new = Das neue Passwort
password-again = Das neue Passwort noch einmal
password-note = 10 Zeichen oder mehr, etwa drei Wörter. Alle, die angemeldet sind, müssen sich neu anmelden.
password-changed = Das Passwort wurde geändert. Melden Sie sich mit dem neuen an.
file = kilosat.toml
file-note = Alles Eingestellte steht in { $path }, mit seinen Kommentaren. Was Sie hier ändern, ändert diese Datei; was jemand in der Datei ändert, wird in Sekunden übernommen.
file-edit = Die ganze Datei sehen und ändern
file-none = Dieses Kilosat wurde ohne Konfigurationsdatei gestartet, deshalb lässt sich hier nichts ändern.
file-text = Die ganze Datei
file-text-note = Jede Zeile ist erklärt. Sie sehen, was sich ändert und was nicht passt, bevor etwas gespeichert wird.
versions = Frühere Fassungen
versions-none = Es gibt noch keine. Jede Änderung bewahrt die Fassung davor auf, die letzten zehn.
versions-note = Beim Zurückholen sehen Sie, was sich ändert, bevor es gespeichert wird.
version-until = In Kraft bis { $moment }
version-restore = Zurückholen
about = Über Kilosat
about-network = Netzwerk
about-uptime = Läuft seit
about-journal = Journaleinträge
about-certificate = Zertifikat (SHA-256)
about-licence = Lizenz
licences = Bibliotheken
licences-note = { $count ->
    [one] Kilosat ist freie Software unter der MIT-Lizenz oder der Apache-Lizenz 2.0, nach Ihrer Wahl. { $number } Bibliothek steckt in diesem Programm; für sie gelten die Bedingungen ihrer Urheber.
   *[other] Kilosat ist freie Software unter der MIT-Lizenz oder der Apache-Lizenz 2.0, nach Ihrer Wahl. { $number } Bibliotheken stecken in diesem Programm; für sie gelten die Bedingungen ihrer Urheber.
}
licences-part = Bibliothek
licences-version = Version
about-diagnostics = Eine Datei für jemanden speichern, der Ihnen hilft
about-diagnostics-note = Zustand, Einstellungen und das Ende des Journals: Namen von Empfängern, Beträge und Werte, aber kein Passwort, Schlüssel, Wiederherstellungswort oder Zugangsschlüssel. Webadressen sind hinter ihrem Rechnernamen abgeschnitten.
about-json = Der ganze Zustand als JSON

## Backups

backup = Sicherung
backup-see = Sicherungen
backup-made-ago = Die letzte wurde { $ago } gemacht.
backup-failed = Es gibt keine neue Sicherung.
backup-old = Die letzte Sicherung ist älter als drei Tage. Sehen Sie nach, ob ihr Ordner da ist.
backup-words = Ohne die Wörter kann niemand eine Sicherung öffnen, und Sie haben noch nicht gezeigt, dass sie aufgeschrieben sind.
backup-busy = Eine Sicherung wird gerade gemacht.
backup-look = Noch einmal nachsehen
backup-last = Die letzte
backup-made = Gemacht
backup-file = Datei
backup-size = Größe
backup-checked = Geprüft
backup-opened = Sie wurde zurückgelesen und mit den Wörtern geöffnet, und jeder Teil stimmt.
backup-read-back = Sie wurde so zurückgelesen, wie sie geschrieben wurde. Geöffnet wurde sie nicht, denn die Wörter sind nicht auf diesem Gerät.
backup-same-disk = Sie liegt auf demselben Datenträger wie Kilosat und ginge mit ihm verloren. Nehmen Sie eine mit, oder legen Sie einen Ordner auf einem Stick fest.
backup-none = Es gibt noch keine.
backup-folder = Jeden Tag wird eine in { $folder } gemacht. Die von sieben Tagen und vier Wochen bleiben.
backup-no-folder = Damit jeden Tag eine gemacht wird, legen Sie unter [backup] einen Ordner fest, zum Beispiel auf einem USB-Stick.
backup-now = Jetzt sichern
backup-along = Eine zum Mitnehmen
backup-along-note = Sie wird jetzt gemacht und von Ihrem Browser gespeichert, nicht auf diesem Gerät.
backup-download = Herunterladen
backup-too-large = Das dauert für die Seite zu lange. Legen Sie unter [backup] einen Ordner fest, oder geben Sie auf dem Gerät selbst ein: kilosat backup --to ORDNER
backup-worth = Was sie wert ist
backup-holds = Was zurückkommt: Erspartes auf der Chain, aus den Wörtern; was geschuldet, bezahlt und aufgezeichnet war, bis zum Augenblick der Sicherung; die Einstellungen. Die Wörter öffnen jede Sicherung, und nichts sonst.
backup-holds-not = Was nicht zurückkommt: was danach bezahlt wurde, und was in Lightning-Kanälen ist. Der Anbieter am anderen Ende schließt sie, und das Geld steht dann auf der Chain, unter Schlüsseln, die aus den Wörtern folgen; diese Version holt es nicht von selbst ab. Passwörter, Zugänge für Programme und der Zugang einer Wallet außerhalb von Kilosat sind auch in keiner Sicherung.
backup-here = Hier eine zurückholen
backup-here-note = Hier wurde noch nichts bezahlt oder empfangen, deshalb kann eine Sicherung den Zustand dieses Geräts ersetzen: Ihre Bücher kommen zurück, ihre Wörter werden die dieses Geräts, und Zahlungen bleiben gesperrt, bis Sie die Wallet verglichen haben. Ihre Einstellungen stehen bei den früheren Fassungen (Einstellungen). Was hier war, bleibt in einem Ordner daneben. Bis 64 MiB; eine größere holt die Befehlszeile zurück.
backup-here-do = Zurückholen
backup-no-file = Es wurde keine Datei gewählt. Nichts wurde zurückgeholt.
backup-unread = Das Formular konnte nicht gelesen werden: { $why }. Nichts wurde zurückgeholt.
backup-restore = Auf einer neuen Karte, bevor Kilosat dort zum ersten Mal läuft, als sein Benutzer eingeben:

## Home

button-broken = Der Halteknopf funktioniert nicht, deshalb wird nichts bezahlt, bis er es tut.
button-pressed = Der Halteknopf ist gedrückt, oder sein Draht ist unterbrochen.
button-pressed-note = Zahlungen bleiben angehalten, bis er gelöst ist und Sie sie weitergehen lassen.
wallet-unknown = Das Guthaben der Wallet ist nicht bekannt.
wallet-unknown-now = Das Guthaben der Wallet ist gerade nicht bekannt.
wallet-old = Was Sie unten davon sehen, ist { $span } alt.
payments-wait = Zahlungen warten.
payments-wait-note = Bei jedem Start vergleicht Kilosat zuerst den Verlauf der Wallet mit seinem eigenen Buch.
locked = Automatische Zahlungen sind gesperrt.
unlock-label = Wenn Sie die Wallet mit dieser Seite verglichen haben: Ihr Passwort
unlock = Ich habe verglichen, entsperren
take-over-label = Wenn kein anderes Kilosat mit diesem Zustand läuft oder laufen wird: Ihr Passwort
take-over = Das ist das einzige, hier weitermachen
questions = Wartet auf Ihr Wort
question-refused = Sie haben abgelehnt, { $amount } an { $payee } zu zahlen. Was geschuldet ist, bleibt geschuldet.
question-after-all = Doch: { $amount } zahlen
question-may = Dürfen { $amount } an { $payee } für { $rule } bezahlt werden?
question-why = Sie werden gefragt, weil { $why }.
question-note = Gefragt { $ago }; nichts wird bezahlt, bis Sie antworten, und eine Gebühr für den Weg kommt hinzu, innerhalb Ihrer Grenzen.
question-yes = Ja, { $amount } zahlen
question-no = Nein
now = Jetzt
power-now = Leistung jetzt
flow-from = Kommt von
flow-to = Geht an
flow-grid = Netz
flow-solar = Solaranlage
flow-battery = Batterie
flow-house = Haus
flow-car = Auto
flow-heating = Heizung
flow-unknown = Gerade nicht bekannt: { $what }. Was das Haus verbraucht, lässt sich so lange nicht sagen.
measures = Was hier gemessen wird
measures-grid = Der Netzanschluss des Hauses
measures-solar = Die Solaranlage
measures-battery = Eine Batterie
measures-car = Eine Ladestation für Autos
measures-heating = Die Heizung
measures-part = Ein anderer Teil des Hauses
measures-note = Für das Bild vom Strom Ihres Hauses auf der Startseite.
feeding-in = speist ein
today = Heute
owed = Geschuldet
on-the-way = { $count ->
    [one] { $number } Zahlung unterwegs
   *[other] { $number } Zahlungen unterwegs
}
set-aside = { $amount } zurückgelegt
nothing-on-the-way = nichts ist unterwegs
spendable = Verfügbar
wallet-silent = die Wallet hat noch nicht geantwortet
channels-none = noch kein Kanal
channels-ready = { $usable } von { $all } Kanälen bereit
agreement-so-far = bisher { $energy } abgerechnet, { $paid } bezahlt
home-next = Die nächste Zahlung folgt, wenn { $missing } mehr geschuldet sind.
no-data = Noch keine Daten.
last-payments = Letzte Zahlungen
totals = Seit Beginn
total-billed = Abgerechnete Energie
total-energy = Für Strom bezahlt
total-data = Für Daten bezahlt
total-fees = Für Gebühren bezahlt
total-received = Empfangen
total-made = Zahlungen
total-made-data = Davon für Daten
total-failed = Fehlgeschlagene Zahlungen
month-account = Die Abrechnung eines Monats
running-for = Laufzeit { $span }
journal-entries = { $count ->
    [one] { $number } Journaleintrag
   *[other] { $number } Journaleinträge
}

## Devices

page-devices = Geräte
devices = Geräte
meters-none = Noch wird kein Zähler gelesen.
meter-state-good = wird gut gelesen
meter-state-waiting = wartet auf die erste Ablesung
meter-state-doubtful = sendet Werte, die nicht stimmen können
meter-state-stale = wurde eine Weile nicht gelesen
meter-state-missing = antwortet nicht
input-state-active = aktiv
input-state-inactive = in Ruhe
input-state-missing = nicht gelesen
relay-state-on = ein, weil: { $why }
relay-state-off = aus, weil: { $why }
relay-state-missing = lässt sich nicht schalten
meter-counter = Zählerstand: { $energy }
meter-age = letzte gute Ablesung { $ago }
meter-reads = { $count ->
    [one] { $number } gute Ablesung
   *[other] { $number } gute Ablesungen
}
meter-faults = { $count ->
    [one] { $number } Fehlschlag
   *[other] { $number } Fehlschläge
}
line-load = Seine Leitung ist { $percent } der Zeit belegt.
line-counts = Auf der ganzen Leitung: { $requests } Anfragen, { $unanswered } ohne Antwort, { $damaged } beschädigt.
meter-profile = gelesen mit dem Profil { $profile }
device-new = Gerät hinzufügen
device-edit = { $name } ändern
device-port = Port
device-port-note = Bei den meisten Geräten ist Modbus TCP auf 502.
device-unit = Gerätenummer
device-unit-note = Die am Gerät selbst eingestellte Nummer, auch Modbus-Adresse genannt.
device-every = Alle … Sekunden lesen
device-every-note = 5 ist üblich; manche Geräte mögen nicht öfter gefragt werden.
device-power-max = Höchste Leistung, die fließen kann, in Watt
device-power-max-note = Was die Sicherungen durchlassen: 3 Sicherungen mit 25 A sind 17250 W. Ein Zähler, der schneller steigt, kann nicht stimmen; was er dazuzählt, wird nicht abgerechnet.
fault-number = { $field }: Bitte schreiben Sie eine Zahl.
device-gone = Dieses Gerät gibt es nicht mehr.
device-in-use = { $meter } wurde nicht entfernt: Die Vereinbarung { $agreement } bezahlt, was es zählt. Entfernen Sie zuerst diese.
devices-by-hand = Impulszähler, Kontakte, Relais und alles andere: in kilosat.toml
search-network = Im Netz
search-host = Seine Adresse
search-host-note = Des Geräts oder des Gateways, an dem es hängt. Die Seite Ihres Routers listet die Adressen.
search-port = Port, wenn es nicht der übliche ist
search-begin = Suchen
search-serial = An einem seriellen Anschluss
search-serial-port = Anschluss
search-no-ports = Es ist kein Adapter eingesteckt.
search-reads-only = Die Suche liest nur. An einem Gerät wird nie etwas geändert.
search-running = Kilosat sucht.
search-unit = Nummer { $unit } wird gefragt, { $at } von { $of }.
search-end = Suche beenden
search-ended = Sie haben die Suche beendet. An keinem Gerät wurde etwas geändert.
search-none = Diese Suche gibt es nicht mehr. Beginnen Sie noch einmal.
search-no-host = Das ist keine Adresse. Schreiben Sie einen Namen oder eine Adresse wie 192.168.1.50.
search-wrong-port = Ein Port ist eine Zahl von 1 bis 65535.
search-no-port = Dieser Anschluss ist nicht mehr eingesteckt.
search-busy = Kilosat liest { $place } schon, und zwei, die gleichzeitig fragen, nehmen einander die Antworten weg.
search-unit-number = Nummer { $unit } an seiner Leitung
search-could-be = Es könnte auch sein: { $others }. Vergleichen Sie die Werte mit seiner Anzeige.
search-not-read = Seine Werte ließen sich nicht lesen: { $why }.
by-hand-device = Gerät selbst angeben
by-hand-note = Manche Geräte sagen nichts über sich, und auf einer Leitung, die Kilosat schon liest, wird nicht gesucht. Wählen Sie dann das Modell und sagen Sie, wo es ist.
by-hand-what = Was es ist
by-hand-profile = Modell wählen
by-hand-sunspec = Ein Wechselrichter oder Zähler, der SunSpec spricht
by-hand-unit = Gerätenummer
by-hand-unit-note = Auch Modbus-Adresse oder Slave-ID; sie wird am Gerät eingestellt und ist 1, wo niemand sie geändert hat.
by-hand-rtu = Das Gateway gibt die Bytes der Leitung unverändert weiter (RTU über TCP)
by-hand-settings = Geschwindigkeit und Parität
by-hand-next = Als Nächstes liest Kilosat es einmal und zeigt, was es sagt. Vorher wird nichts gespeichert.
by-hand-read = Auslesen
by-hand-busy = Kilosat liest diese Leitung schon, deshalb wurde dieses Gerät nicht gefragt. Seine Werte kommen mit den anderen, sobald es hinzugefügt ist.
by-hand-no-profile = Wählen Sie ein Modell.
by-hand-no-unit = Eine Gerätenummer liegt zwischen 0 und 254.
by-hand-no-settings = Wählen Sie Geschwindigkeit und Parität.
search-compare = Vergleichen Sie diese Werte mit seiner Anzeige, bevor Sie es hinzufügen.
search-add = Hinzufügen
search-done = Das sind alle, die geantwortet haben.
search-again = Woanders suchen

## Wallet

page-wallet = Wallet
wallet = Wallet
wallet-none = keine Wallet: Dieser Bau hat keine
service-node = ein Lightning-Knoten in Kilosat
service-phoenixd = phoenixd
service-lnbits = LNbits
service-lnd = LND
service-cln = Core Lightning
service-nwc = Nostr Wallet Connect
wallet-balance = Guthaben
wallet-receivable = Empfangbar
wallet-books = Bücher
wallet-books-note = Kilosat führt ein eigenes Buch und vergleicht es mit dem, was die Wallet sagt. Gehen beide auseinander, halten Zahlungen an, bis Sie nachgesehen haben.
wallet-ledger = Nach dem Buch
wallet-suspense = Bewegt ohne eine Zahlung von uns
wallet-compared = Mit der Wallet verglichen
wallet-difference = Die Zahl der Wallet weicht ab um
wallet-lightning = Im Lightning-Netz
wallet-channels = Kanäle bereit
wallet-block = Neuester Block
wallet-node = Öffentlicher Schlüssel
wallet-change = Andere Wallet oder anderer Anbieter
receive = Empfangen
receive-opens-channel = Die Wallet hat noch keinen Kanal und kann deshalb nicht zahlen. Das erste Geld, das sie empfängt, öffnet einen; der Anbieter behält dafür eine Gebühr, innerhalb der Grenze, die Sie setzen.
receive-amount = Betrag in sat
receive-text = Wofür
receive-make = Rechnung erstellen
receive-cost = Eine Rechnung kostet nichts. Wer sie bezahlt, zahlt die Gebühr für den Weg.
receive-title = { $amount } empfangen
receive-scan = Mit der zahlenden Wallet scannen oder den Text kopieren.
receive-code = Die Rechnung als QR-Code
receive-open = In einer Wallet auf diesem Gerät öffnen
receive-left = Sie kann noch { $span } lang bezahlt werden. Diese Seite sieht von selbst nach.
receive-done = Sie wurde bezahlt. Das Geld ist da.
receive-late = Ihre Zeit ist vorbei: Sie wurde nicht bezahlt und kann nicht mehr bezahlt werden.
receive-gone = Diese Rechnung ist nicht mehr bekannt. Wurde sie bezahlt, zählt das Geld trotzdem.

## Von Hand bezahlen

pay = Bezahlen
pay-note = Bezahlen Sie selbst eine Rechnung oder eine Lightning-Adresse. Sie sehen, was es kostet, bevor etwas bezahlt wird.
pay-begin = Rechnung oder Adresse bezahlen
pay-what = Rechnung oder Adresse
pay-what-note = Fügen Sie eine Lightning-Rechnung ein (sie beginnt mit lnbc), eine Lightning-Adresse wie alice@example.com oder eine LNURL.
pay-amount-note = Eine Rechnung nennt den Betrag selbst; für eine Adresse schreiben Sie ihn hierher.
pay-spendable = Sie können { $amount } ausgeben.
pay-look = Sehen, was es kostet
pay-next-note = Als Nächstes sehen Sie, an wen es geht und was es kostet. Vor Ihrer Bestätigung wird nichts bezahlt.
pay-title = { $amount } bezahlen?
pay-for = Wofür
pay-for-nothing = der Empfänger sagt es nicht
pay-left = Kann noch bezahlt werden
pay-too-much = Die Wallet sagt, dass sie gerade { $amount } ausgeben kann; das hier schlägt also wahrscheinlich fehl.
pay-final = Was über Lightning bezahlt ist, lässt sich nicht zurückholen.
pay-now = { $amount } bezahlen
pay-limits = Die Grenzen Ihres Hauses gelten auch hier, und der Stoppknopf ebenso. Schlägt es fehl, ist nichts ausgegeben, und es wird nicht von selbst noch einmal versucht.
by-hand = Von Hand
step-by-hand = Sie haben von Hand beauftragt, { $amount } zu bezahlen.
step-by-hand-failed = Eine Zahlung von Hand wird nicht von selbst noch einmal versucht.
total-by-hand = Von Hand bezahlt

## Savings on the chain

savings = Ersparnisse auf der Chain
savings-short = Bitcoin, die Sie zurücklegen: größere Beträge, die ruhen, außerhalb des Lightning-Netzes.
savings-more-about = Was das ist
savings-holds = { $amount } lassen sich ausgeben.
savings-show = Ersparnisse zeigen
savings-about = Ersparnisse sind Bitcoin, die Sie in einer Wallet auf der Chain zurücklegen, neben der Wallet, die bezahlt. Ihre Schlüssel kommen aus den Wörtern dieses Geräts, und Kilosat gibt von selbst nichts davon aus: Nur Sie senden, mit Ihrem Passwort. Sie anzulegen kostet nichts; Senden kostet jedes Mal eine Netzwerkgebühr, deshalb sind sie für größere Beträge, die ruhen.
savings-open = Ersparnisse auf der Chain anlegen
savings-open-next = Als Nächstes sehen Sie die Zeile von kilosat.toml, die sich ändert, und werden nach Ihrem Passwort gefragt.
savings-words-first = Schreiben Sie zuerst die Wörter dieses Geräts auf und lassen Sie Kilosat sie prüfen: Ohne sie nimmt ein kaputtes Gerät Ihre Ersparnisse mit. Kommen Sie danach hierher zurück.
savings-words-unchecked = Noch wurde nicht geprüft, dass die Wörter dieses Geräts aufgeschrieben sind. Ohne sie nimmt ein kaputtes Gerät diese Ersparnisse mit.
savings-closed = Hier gibt es noch keine Ersparnisse auf der Chain.
savings-no-such = Diese Transaktion gibt es in diesen Ersparnissen nicht. Es wurde nichts geändert.
savings-fault = Die Chain lässt sich gerade nicht fragen, was Sie sehen, kann also alt sein: { $why }.
savings-stale = Gerade wird nichts gesendet: { $why }.
savings-progress = Die Chain wird gelesen: { $done } von { $of }.
savings-incoming = Kommt herein
savings-incoming-note = noch in keinem Block
savings-immature = Noch nicht reif
savings-immature-note = geschürft; nach 100 Blöcken verfügbar
savings-reserve = Reserve
savings-reserve-note = ein Teil davon, wird nie gesendet
savings-history = Was geschah
savings-history-none = Es ist noch nichts hereingekommen. Drücken Sie Empfangen und senden Sie von einer anderen Wallet oder Börse Bitcoin an die Adresse, die Sie dort sehen; zuerst einen kleinen Betrag.
savings-history-note = Was gesendet wurde, schließt die Gebühr ein. Der Wert ist nach dem Preis der damaligen Zeit.
savings-older = Auch ältere zeigen
savings-what-for = Was
savings-opening = War schon da
savings-received = Empfangen
savings-sent = Gesendet
savings-gone = ersetzt oder verworfen, zählt nicht mehr
savings-waiting = wartet auf einen Block
savings-confirmations = { $count ->
    [one] { $number } Bestätigung
   *[other] { $number } Bestätigungen
}
savings-more = Einzelheiten und Notiz
savings-txid = Transaktion
savings-to = An
savings-in-block = In Block
savings-label = Ihre Notiz
savings-label-note = Für Ihren eigenen Verlauf; niemand sonst sieht sie.
savings-label-save = Notiz behalten
savings-faster = Beschleunigen
savings-rate = Gebührensatz in sat/vB
savings-rate-note = Leer: was das Netz jetzt verlangt, und mehr als bisher. Sie sehen, was es kostet, bevor etwas gesendet wird.
savings-coins = Münzen
savings-coins-count = { $count ->
    [one] { $number } Münze
   *[other] { $number } Münzen
}
savings-coin-address = An der Adresse
savings-chain = Woher das bekannt ist
savings-source = Zuletzt geantwortet
savings-source-none = noch niemand
savings-kind = Adressen
savings-kind-segwit = Segwit (bc1q)
savings-kind-taproot = Taproot (bc1p)
savings-kind-watch = nur beobachtet, der Schlüssel ist woanders
savings-look = Jetzt fragen
savings-search = Alle Adressen durchsuchen
savings-search-note = Wie nach einer Wiederherstellung aus Wörtern: sucht Münzen auch an Adressen, die hier nie gezeigt wurden. Wo jeder Block gelesen wird, kann das Stunden dauern.
savings-receive = Ersparnisse empfangen
savings-receive-note = Senden Sie von einer anderen Wallet oder Börse Bitcoin an diese Adresse. Wer mehrere Ihrer Adressen kennt, weiß, was Sie haben; deshalb bekommt jede Zahlung eine andere.
savings-receive-code = Die Adresse als QR-Code
savings-receive-next = Was gesendet wird, steht nach Minuten bei Ihren Ersparnissen und lässt sich ausgeben, sobald ein Block es hat; das dauert zehn Minuten oder einige Stunden. Diese Adresse bleibt Ihre und bleibt gültig.
savings-another = Andere Adresse
savings-send = Senden
savings-send-title = Ersparnisse senden
savings-address = Bitcoin-Adresse des Empfängers
savings-address-note = Sie beginnt mit bc1, 1 oder 3. Vergleichen Sie Anfang und Ende mit dem, was der Empfänger Ihnen gab.
savings-all = Alles, was sich ausgeben lässt, abzüglich der Gebühr
savings-speed = Wie schnell
savings-speed-note = Schneller kostet eine höhere Gebühr; was andere zahlen, ändert sich ständig.
savings-guess = Niemand hat gesagt, was das Netz jetzt verlangt; das hier ist das Wenigste, was weitergegeben wird.
savings-soon = in etwa zwanzig Minuten: { $rate }
savings-hour = in etwa einer Stunde: { $rate }
savings-day = in etwa einem Tag: { $rate }
savings-own = mit eigenem Gebührensatz
savings-own-rate = Eigener Gebührensatz in sat/vB
savings-coins-choose = Münzen selbst wählen
savings-coins-note = Ist keine gewählt, wählt Kilosat. Die größten stehen zuerst.
savings-coin = { $amount } an { $address }
savings-both = Schreiben Sie einen Betrag oder wählen Sie alles, nicht beides.
savings-fault-amount = { $field }: eine ganze Zahl von sat schreiben, etwa 50000, oder alles wählen.
savings-next-note = Als Nächstes sehen Sie, an wen es geht und was es kostet. Vor Ihrer Bestätigung wird nichts gesendet.
savings-draft-title = { $amount } senden?
savings-draft-faster = Beschleunigen?
savings-draft-child = Das sendet, was die wartende Transaktion bringt, an Sie selbst weiter, mit einer Gebühr, die für beide reicht. Nur die Gebühr verlässt Ihre Ersparnisse.
savings-draft-share = Gebühr, vom Betrag
savings-draft-rate = Gebührensatz
savings-draft-left = Danach verfügbar
savings-draft-replaces = Anstelle von
savings-draft-gone = Dieser Entwurf ist nicht mehr bekannt: Er wurde gesendet, oder Kilosat ist neu gestartet. Sehen Sie nach, was geschah, bevor Sie noch einmal beginnen.
savings-final = Was auf der Chain gesendet ist, lässt sich nicht zurückholen.
savings-now = { $amount } senden
savings-now-faster = { $fee } Gebühr zahlen
savings-slow = Die Quelle der Chain lässt sich Zeit. Wird es gesendet, steht es im Verlauf Ihrer Ersparnisse; sehen Sie dort nach, bevor Sie noch einmal etwas senden.
savings-elsewhere = Dort unterschreiben, wo der Schlüssel ist
savings-elsewhere-note = Dieses Gerät hat keinen Schlüssel dieser Ersparnisse. Bringen Sie die Transaktion als Datei, als Text oder als Bild zu dem Programm oder Gerät, das ihn hat; unterschreiben Sie dort und bringen Sie sie unten zurück.
savings-psbt = Die zu unterschreibende Transaktion (PSBT)
savings-psbt-file = Als Datei speichern
savings-psbt-code = Die zu unterschreibende Transaktion als QR-Code
savings-signed = Unterschriebene Transaktion zurückbringen
savings-signed-note = Eine Transaktion, die hier entworfen und dort unterschrieben wurde, wo der Schlüssel ist. Kilosat vergleicht sie mit seinem Entwurf, bevor es sie sendet.
savings-signed-text = Die unterschriebene Transaktion (PSBT, als Text)
savings-signed-send = Senden
savings-signed-wrong = Das ist keine Transaktion (PSBT, als Text in Base64). Es wurde nichts gesendet; fügen Sie sie ganz ein.

## Die Währung des Hauses

worth-less = weniger als { $amount }
rate-note = Ein Bitcoin kostet { $price } ({ $ago }; { $sources }).
payment-worth = Damals { $worth }: Ein Bitcoin kostete { $price } ({ $when }; { $sources }).
house-currency = Währung
house-currency-none = keine, nur sat
house-currency-note = Beträge werden zusätzlich darin gezeigt. Kilosat fragt dafür alle zehn Minuten bis zu vier öffentliche Börsen, was ein Bitcoin kostet; sie sehen Ihre Adresse im Internet, dass Kilosat fragt, und die Währung. Nach diesem Preis wird nichts bezahlt.

## Nachrichten an die Besitzer

notify = Nachrichten an Sie
notify-note = Wenn etwas Sie braucht (eine Zahlung, die auf Ihr Wort wartet, eine Sperre, ein stummer Zähler, eine Anmeldung), kann Kilosat Ihrem Telefon eine kurze Nachricht schicken.
notify-url = Adresse, an die Nachrichten gehen
notify-url-note = Zum Beispiel ein Thema bei ntfy mit einem Namen, den niemand errät, oder ein Webhook von Home Assistant. Wer es betreibt, liest die Nachrichten mit. Leer schickt keine.
notify-json = Als JSON, für Home Assistant und andere Programme
notify-try = Testnachricht schicken
notify-test = Dies ist ein Test. Nachrichten von Kilosat kommen hier an.
notify-sent = Die Testnachricht wurde angenommen. Sehen Sie auf Ihr Telefon.

## The way to the first payment

setup = Ihr Haus einrichten
setup-done = erledigt
setup-house = Dem Haus einen Namen, seine Sprache und seine Zeitzone geben
setup-wallet = Die Lightning-Wallet wählen, die bezahlt
setup-words = Die Wörter der Wallet aufschreiben
setup-device = Ihren Zähler hinzufügen
setup-agreement = Die erste Vereinbarung treffen: wer bezahlt wird, zu welchem Preis und wie viel höchstens
setup-money = Etwas Geld in die Wallet geben
service = Die Wallet, die bezahlt
service-note = Geben Sie Kilosat eine eigene Wallet mit wenig Geld darin. Eine Zahlung, die bei einer Wallet noch offen ist, wird nie durch eine andere bezahlt: Lassen Sie offene zuerst enden.
service-inside = In Kilosat
service-inside-note = Ein eigener Lightning-Knoten, dessen Schlüssel dieses Gerät nie verlassen. Sonst ist nichts zu installieren.
service-lsp = Der Anbieter (LSP), der seinen Kanal öffnet
service-lsp-note = Wie er sich für „LSPS2“ veröffentlicht: sein öffentlicher Schlüssel, @, Host, Doppelpunkt und Port. Ohne ihn muss jemand anderes einen Kanal zu Ihnen öffnen, bevor Sie zahlen können.
service-outside = Eine Wallet, die Sie schon betreiben
service-outside-note = Kilosat versucht sie, bevor etwas gespeichert wird, und sagt, was ihr Zugang darf. Der Versuch bewegt kein Geld.
service-url = Ihre Adresse
service-url-note = http:// nur im Haus, denn es zeigt den Zugang jedem, der mithört. Nicht für Nostr Wallet Connect.
service-secret = Ihr Zugang
service-secret-note = Das http-password von phoenixd; der Admin-Schlüssel einer LNbits-Wallet; das Macaroon von LND in Hex; die Rune von Core Lightning; der Verbindungstext von Nostr Wallet Connect. Er liegt in einer Datei, die nur Kilosat liest.
service-certificate = Nur dieses Zertifikat (SHA-256), wenn sie ihr eigenes gemacht hat
service-certificate-note = Wie LND und Core Lightning: openssl x509 -in tls.cert -noout -fingerprint -sha256
service-try = Versuchen
words = Die Wörter der Wallet
words-what = Diese Wörter enthalten die Schlüssel der Wallet in Kilosat und öffnen ihre Sicherungen. Wer sie hat, hat das Geld; ohne sie nimmt ein kaputtes Gerät es mit. Sie brauchen Stift und Papier und niemanden hinter sich.
words-show = Wörter zeigen
words-write = Schreiben Sie sie in dieser Reihenfolge auf Papier. Machen Sie kein Foto.
words-check = Sind sie aufgeschrieben?
words-number = Wort { $number }
words-done = Prüfen
words-wrong = Das sind nicht die Wörter, nach denen gefragt wurde. Sehen Sie auf Ihr Papier, lassen Sie sie noch einmal zeigen und versuchen Sie es erneut.
words-other = Andere Wörter
words-other-note = Unter diesen Wörtern liegt noch nichts, deshalb können Sie noch andere verwenden: die eines Geräts, das Sie vorher hatten, oder neue. Kilosat startet neu mit ihnen. Erspartes unter ihnen findet sich von selbst; was in Lightning-Kanälen des anderen Geräts war, nicht.
words-written = Die Wörter von Ihrem Papier, in ihrer Reihenfolge
words-backup = Mit einer Sicherung jenes Geräts kommen auch seine Bücher zurück:
words-take = Diese Wörter verwenden
words-count = Wie viele
words-new = Neue Wörter machen
words-elsewhere = Die Wallet, die bezahlt, ist außerhalb von Kilosat und hat eigene Wörter. Diese hier sind für Ersparnisse auf der Chain, und sie öffnen die Sicherungen.

## Doors

login = Anmelden
login-password = Passwort
login-forgotten = Vergessen? Auf dem Gerät selbst eingeben:
session-ended = Ihre Sitzung war zu Ende, deshalb wurde nichts geändert. Melden Sie sich an und drücken Sie den Knopf noch einmal.
claim = Einrichten
claim-title = Dieses Kilosat gehört noch niemandem
claim-what = Wer den Einrichtungscode lesen kann, wird der Besitzer. Er steht im Protokoll des Geräts und gilt eine halbe Stunde.
claim-code-new = Für einen neuen auf dem Gerät selbst eingeben:
claim-code = Einrichtungscode
claim-password = Ihr Passwort für diese Seite
claim-password-note = 10 Zeichen oder mehr, etwa drei Wörter. Schreiben Sie es auf: Ohne es kann nur jemand am Gerät selbst ein neues setzen.
claim-again = Das Passwort noch einmal
claim-make = Es gehört mir
claim-certificate = Ist das wirklich Ihr Kilosat?
claim-certificate-note = Ihr Browser warnt vor dem Zertifikat, weil das Gerät es selbst gemacht hat. Es ist das richtige, wenn der Browser als SHA-256-Fingerabdruck zeigt, was im Protokoll des Geräts steht:

## History

days = Mo. Di. Mi. Do. Fr. Sa. So.
days-long = Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag
months-long = Januar Februar März April Mai Juni Juli August September Oktober November Dezember
form-moment = %-d. %b %Y, %H:%M
form-day = %A, %-d. %B %Y
form-week = Woche ab %-d. %B %Y
form-month = %B %Y
form-year = %Y
form-clock-day = %H:%M
form-clock-week = %a %-d. %b %H:%M
form-clock-month = %-d. %b %H:%M
form-clock-year = %-d. %b %Y
form-mark-day = %H:%M
form-mark-week = %a
form-mark-month = %-d. %b
form-mark-year = %b
history-gone = Der Verlauf ist nicht verfügbar.
history-damaged = Der Verlauf war beschädigt und begann neu am { $moment }.
history-damaged-note = Was vom alten lesbar ist, steht in der Datei history.db.damaged des Zustandsordners. Zahlungen brauchen ihn nicht: Was geschuldet und bezahlt wurde, liegt anderswo, und nichts davon ist verloren.
history-none = Es wurde noch nichts aufgezeichnet. Die ersten Werte erscheinen hier etwa eine Minute, nachdem ein Zähler zum ersten Mal gelesen wurde.
history-what = Was
history-day = Tag
history-week = Woche
history-month = Monat
history-year = Jahr
history-how-long = Wie lange
history-earlier-later = Früher und später
history-table-below = Alle Werte stehen in der Tabelle darunter.
history-no-values = Aus dieser Zeit gibt es keine Werte.
history-begins = Der Verlauf beginnt am { $moment }.
history-alone = Ohne Vergleich
history-compare-day = Mit dem Tag davor vergleichen
history-compare-week = Mit der Woche davor vergleichen
history-compare-month = Mit dem Monat davor vergleichen
history-compare-year = Mit dem Jahr davor vergleichen
history-in-day = An diesem Tag
history-in-week = In dieser Woche
history-in-month = In diesem Monat
history-in-year = In diesem Jahr
history-before-day = Am Tag davor
history-before-week = In der Woche davor
history-before-month = Im Monat davor
history-before-year = Im Jahr davor
history-mean-before-day = Mittel am Tag davor
history-mean-before-week = Mittel in der Woche davor
history-mean-before-month = Mittel im Monat davor
history-mean-before-year = Mittel im Jahr davor
history-difference = Unterschied
history-mean = Mittel
history-lowest = Niedrigster
history-highest = Höchster
history-from = Von
history-to = Bis
history-amount = Menge
history-mean-between = { $mean } (von { $low } bis { $high })
history-table = Alle Werte als Tabelle
history-since = Aufbewahrt seit { $moment }
history-bytes = { $bytes } auf dem Speicher; wie lange, steht in kilosat.toml, [history]
point-phase = { $point }, Phase { $phase }
subject-grid = { $point } (Netz)
subject-pv = { $point } (Solaranlage)
subject-battery = { $point } (Batterie)
subject-load = { $point } (Haus)
subject-other = { $point } ({ $subject })
point-cost = Kosten
point-price = Preis
point-active = Aktiv
point-pressed = Gedrückt
point-energy-import = Bezogene Energie
point-energy-export = Eingespeiste Energie
point-energy-total = Energie
point-energy-import-t1 = Bezogene Energie, Tarif 1
point-energy-import-t2 = Bezogene Energie, Tarif 2
point-energy-export-t1 = Eingespeiste Energie, Tarif 1
point-energy-export-t2 = Eingespeiste Energie, Tarif 2
point-energy-charged = Geladene Energie
point-energy-discharged = Entnommene Energie
point-energy-session = Energie des Ladevorgangs
point-reactive-energy = Blindenergie
point-power = Leistung
point-power-import = Bezogene Leistung
point-power-export = Eingespeiste Leistung
point-power-charge = Ladeleistung
point-power-discharge = Entladeleistung
point-apparent-power = Scheinleistung
point-reactive-power = Blindleistung
point-power-factor = Leistungsfaktor
point-voltage = Spannung
point-current = Strom
point-current-sum = Strom aller Phasen
point-frequency = Frequenz
point-soc = Ladestand
point-temperature = Temperatur
point-state = Zustand
point-current-limit = Stromgrenze

## The account of a month

account-of = Abrechnung { $month }
account-months = Monate
account-money = Geld
account-opening = In den Wallets zu Beginn
account-closing = In den Wallets am Ende
account-brought = In einer neuen Wallet vorgefunden
account-received = Empfangen
account-paid = Bezahlt
account-fees-paid = Gebühren
account-fees-returned = Gebühren, die niedriger waren als gebucht
account-rounding = Rundungen der Wallet
account-suspense = Bewegt ohne eine Zahlung von uns
account-credited = Vereinbarungen gutgeschrieben
account-reserved = Zurückgelegt, abzüglich des zuvor Zurückgelegten
account-note = Nach dem Buch, in den Monaten Ihrer Uhr.
account-note-open = Nach dem Buch, in den Monaten Ihrer Uhr; dieser läuft noch.
account-paid-to = Bezahlt an
account-nothing = Es wurde nichts bezahlt.
account-fees = Gebühren
account-energy = Energie
account-no-energy = Kein Zähler hat ein Intervall abgeschlossen.
change-wallet = Was der Versuch mit der Wallet zeigte
search-fuse = Hauptsicherung, in Ampere
search-fuse-note = Wie auf ihr gedruckt, etwa 25, 35 oder 63. Was die Sicherung nicht durchlässt, ist keine Ablesung und wird nie abgerechnet.
fault-fuse = { $field }: die Zahl schreiben, die auf der Sicherung steht, etwa 35.
