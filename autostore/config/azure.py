"""Settings of a store on Azure Blob Storage."""

from __future__ import annotations

from dataclasses import dataclass, field

from autostore.config.base import MIB, StorageConfig
from autostore.config.names import checks_names
from autostore.errors import InvalidConfigError

__all__ = ["AzureStorageConfig"]


@checks_names
@dataclass(frozen=True, kw_only=True)
class AzureStorageConfig(StorageConfig):
    """Settings of a store on Azure Blob Storage; what is None comes from the environment (`AZURE_STORAGE_...`).

    Attributes:
        account_name: the storage account.
        account_key: the account's key.
        sas_token: a shared access signature, in place of the key.
        tenant_id: of a service principal, in place of both. With none of the three the environment's, else a
            managed identity.
        client_id: of that service principal.
        client_secret: of that service principal.
        use_azure_cli: as who is signed in to the Azure CLI.
        endpoint_url: address of the account's blobs, where it is not Azure's own (an emulator).
        anonymous: send unsigned requests, for public containers.
        multipart_threshold: files from this size on move in blocks, bytes.
        multipart_chunksize: size of a block, bytes.
        max_concurrency: blocks, or objects of a bulk read or write, in flight at once.
    """

    account_name: str | None = None
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    use_azure_cli: bool = False
    endpoint_url: str | None = None
    anonymous: bool = False
    multipart_threshold: int = 64 * MIB
    multipart_chunksize: int = 16 * MIB
    max_concurrency: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("multipart_threshold", "multipart_chunksize", "max_concurrency"):
            self._at_least(name, 1)
        self._check_address()
        given = [name for name in ("account_key", "sas_token", "client_secret") if getattr(self, name)]
        if len(given) > 1:
            raise InvalidConfigError(f"{' and '.join(given)} are two ways to sign in. Pass one of them.")
