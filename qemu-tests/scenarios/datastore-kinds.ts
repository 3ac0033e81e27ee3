/** Where the datastore's machine makes the run's certificates. */
export const TLS_FOLDER = "/etc/lab-tls";
/** Name of the user, of the database and of the client's certificate. */
const NAME = "k3s";

/** A datastore of Debian's that k3s takes as its endpoint (docs.k3s.io: high availability with an external datastore). */
export interface DatastoreKind {
  readonly name: string;
  /** The systemd unit that is the datastore. */
  readonly unit: string;
  /** What k3s is told. */
  readonly endpoint: (store: { address: string; password: string }) => string;
  /** A shell script that sets it up and starts it, with the certificates of TLS_FOLDER. */
  readonly setUp: (store: { address: string; password: string }) => string;
  /** Shell command that prints the keys that start with `prefix`, and what is kept under them. */
  readonly dump: (prefix: string, address: string) => string;
}

/** Makes a certificate authority, the server's certificate and a client's, for this run alone. */
export function renderCertificates(address: string): string {
  return `mkdir -p ${TLS_FOLDER} && cd ${TLS_FOLDER}
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $key -days 30 -subj /CN=lab-datastore-ca -keyout ca.key -out ca.crt 2>/dev/null
sign() {
	openssl req $key -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	echo "$3" >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
}
sign server datastore "subjectAltName=IP:${address}"
sign client ${NAME} "extendedKeyUsage=clientAuth"
chmod 0755 . && chmod 0644 *.crt
`;
}

const POSTGRES_PORT = 5432;
const postgres: DatastoreKind = {
  name: "postgres",
  unit: "postgresql@17-main",
  endpoint: ({ address, password }) => `postgres://${NAME}:${password}@${address}:${POSTGRES_PORT}/${NAME}`,
  setUp: ({ address, password }) => `pg_createcluster --locale C.UTF-8 17 main >/dev/null
install -o postgres -m 0600 ${TLS_FOLDER}/server.key /etc/postgresql/17/main/server.key
cat >/etc/postgresql/17/main/conf.d/lab.conf <<END
listen_addresses = '${address}'
ssl = on
ssl_cert_file = '${TLS_FOLDER}/server.crt'
ssl_key_file = '/etc/postgresql/17/main/server.key'
ssl_ca_file = '${TLS_FOLDER}/ca.crt'
END
echo "hostssl all ${NAME} ${address}/24 scram-sha-256 clientcert=verify-ca" >>/etc/postgresql/17/main/pg_hba.conf
systemctl start postgresql@17-main
runuser -u postgres -- psql -q -c "CREATE ROLE ${NAME} LOGIN PASSWORD '${password}'" -c "CREATE DATABASE ${NAME} OWNER ${NAME}"
`,
  dump: (prefix) =>
    `runuser -u postgres -- psql -At -d ${NAME} -c "SELECT name, encode(value, 'escape') FROM kine WHERE name LIKE '${prefix}%' AND deleted = 0"`,
};

const ETCD_PORT = 2379;
const etcd: DatastoreKind = {
  name: "etcd",
  unit: "etcd",
  endpoint: ({ address }) => `https://${address}:${ETCD_PORT}`,
  setUp: ({ address }) => `install -o etcd -m 0600 ${TLS_FOLDER}/server.key /etc/etcd-server.key
cat >>/etc/default/etcd <<END
ETCD_LISTEN_CLIENT_URLS=https://${address}:${ETCD_PORT}
ETCD_ADVERTISE_CLIENT_URLS=https://${address}:${ETCD_PORT}
ETCD_CERT_FILE=${TLS_FOLDER}/server.crt
ETCD_KEY_FILE=/etc/etcd-server.key
ETCD_TRUSTED_CA_FILE=${TLS_FOLDER}/ca.crt
ETCD_CLIENT_CERT_AUTH=true
END
systemctl start etcd
`,
  dump: (prefix, address) =>
    `ETCDCTL_API=3 etcdctl --endpoints=https://${address}:${ETCD_PORT} --cacert=${TLS_FOLDER}/ca.crt --cert=${TLS_FOLDER}/client.crt ` +
    `--key=${TLS_FOLDER}/client.key get --prefix ${prefix}`,
};

export const DATASTORES = { postgres, etcd } as const;
