;;; spark-lsp.el --- spark-lsp for eglot  -*- lexical-binding: t -*-

;; Load this file, or copy the code below, then run `M-x eglot' in a buffer of code (Emacs 30 or later).

(defvar spark-lsp-status nil
  "The server's last status, a plist with :engine, :state, :reason and :code.
The reason is a sentence for people, which may be reworded; compare the code.")

(defun spark-lsp-status ()
  "Show which engine answers, or why there is no suggestion."
  (interactive)
  (message "spark-lsp: %s, %s: %s" (or (plist-get spark-lsp-status :engine) "no engine yet")
           (plist-get spark-lsp-status :state) (plist-get spark-lsp-status :reason)))

(defun spark-lsp-contact (&optional _interactive)
  "Return the command that starts the server.
It skips relative entries of `exec-path': they refer to the project, which may contain a program."
  (let ((exec-path (seq-filter #'file-name-absolute-p exec-path)))
    (list (or (executable-find "spark-lsp") (user-error "spark-lsp is not on the search path")) "serve")))

(with-eval-after-load 'eglot
  ;; Eglot sends the language by the mode's name, or as given here.
  (add-to-list 'eglot-server-programs
               '((python-mode python-ts-mode
                  (js-mode :language-id "javascript") (js-ts-mode :language-id "javascript")
                  (typescript-ts-mode :language-id "typescript")
                  (tsx-ts-mode :language-id "typescriptreact"))
                 . spark-lsp-contact))
  (cl-defmethod eglot-handle-notification (_server (_method (eql spark/status)) &rest status)
    "Keep STATUS for `spark-lsp-status'."
    (setq spark-lsp-status status))
  (cl-defmethod eglot-handle-notification (_server (_method (eql spark/edit)) &rest _)
    "Ignore the end of an edit: the server reports it in a message too.")
  (cl-defmethod eglot-handle-notification (_server (_method (eql spark/explanation)) &rest _)
    "Ignore the growth of an explanation: the server shows all of it in a message."))

(provide 'spark-lsp)
;;; spark-lsp.el ends here
